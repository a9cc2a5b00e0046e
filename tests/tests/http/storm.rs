//! Many clients in every wrong order, and bodies of every kind: no server error, no panic, and one
//! session at most.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use profiler_runtime::configure;
use profiler_runtime::http::{HttpOptions, Server};
use profiler_runtime::job::{LocalController, Selection};
use profiler_tests::Bench;
use profiler_tests::http::{Call, Scripted, get, listen, post};
use proptest::prelude::*;
use serde_json::Value;

#[test]
fn clients_in_every_wrong_order_get_one_session_at_most() {
    let bench = Bench::alone();
    configure(bench.config()).unwrap();
    let server = listen(Arc::new(LocalController::new()), HttpOptions::new());
    let at = server.local_addr();
    // Starts and stops alternate, so in the end there is at most one more start than stops.
    let (starts, stops) = (AtomicI64::new(0), AtomicI64::new(0));
    std::thread::scope(|scope| {
        for client in 0..64_u32 {
            let (starts, stops) = (&starts, &stops);
            scope.spawn(move || {
                for turn in 0..6 {
                    let reply = match (client * 7 + turn * 5) % 8 {
                        0..=2 => post(at, "/start_profile", ""),
                        3 => post(at, "/stop_profile", ""),
                        4 => post(at, "/stop_profile?wait=false", ""),
                        5 => post(at, "/stop_profile", r#"{"stages": ["other"]}"#),
                        6 => post(at, "/start_profile", r#"{"stages": [9]}"#),
                        _ => get(at, "/profile/status"),
                    };
                    assert!([200, 202, 400, 409].contains(&reply.status), "{reply:?}");
                    if reply.status < 300 && reply.json()["complete"].is_boolean() {
                        let started = reply.json()["workers"][0]["state"] == "recording";
                        (if started { starts } else { stops }).fetch_add(1, Ordering::SeqCst);
                    }
                }
            });
        }
    });
    let (starts, stops) = (starts.into_inner(), stops.into_inner());
    assert!(starts > 0 && (0..=1).contains(&(starts - stops)), "{starts} starts, {stops} stops");
    let last = post(at, "/stop_profile", "");
    assert_eq!(last.status, if starts > stops { 200 } else { 409 });
    let begin = Instant::now();
    while get(at, "/profile/status").json()["workers"][0]["state"] != "idle" {
        assert!(begin.elapsed() < Duration::from_secs(60), "every session is written");
        std::thread::sleep(Duration::from_millis(20));
    }
    let folders = std::fs::read_dir(bench.path()).unwrap().map(|entry| entry.unwrap().path());
    let whole = folders.filter(|folder| folder.join("manifest_rank0.json").exists()).count();
    assert_eq!(whole as i64, starts, "every session that was started has its artifacts");
}

/// Returns the workers that a body selects, found independently, or `None` if the body is invalid.
fn expected(body: &[u8]) -> Option<Selection> {
    let text = std::str::from_utf8(body).ok()?;
    if text.trim_ascii().is_empty() {
        return Some(Selection::default());
    }
    let Value::Object(fields) = serde_json::from_str(text).ok()? else { return None };
    if fields.keys().any(|name| name != "stages") {
        return None;
    }
    let list = match fields.get("stages") {
        None | Some(Value::Null) => return Some(Selection::default()),
        Some(list) => list.as_array().filter(|list| !list.is_empty())?,
    };
    let mut numbers = Vec::new();
    let mut names = std::collections::BTreeSet::new();
    for value in list {
        if let Some(name) = value.as_str() {
            let wrong = name.trim().is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control);
            names.insert((!wrong).then(|| name.to_owned())?);
        } else {
            numbers.push(u32::try_from(value.as_u64()?).ok()?);
        }
    }
    let mut selection = Selection::stages(numbers);
    selection.names = names.into_iter().collect();
    Some(selection)
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i64>().prop_map(|number| number.to_string()),
        (0..5_u32).prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("JSON has no others", |number| number.is_finite())
            .prop_map(|number| number.to_string()),
        any::<String>().prop_map(|text| Value::from(text).to_string()),
        "[a-z.*?]{0,6}".prop_map(|text| Value::from(text).to_string()),
        prop_oneof![Just("null"), Just("true"), Just("nan")].prop_map(str::to_owned),
    ];
    let list = prop::collection::vec(leaf.clone(), 0..4).prop_map(|values| format!("[{}]", values.join(",")));
    let key = prop_oneof![4 => Just("stages".to_owned()), 1 => "[a-z]{0,7}"];
    let object = (key, prop_oneof![3 => list.clone(), 1 => leaf.clone()])
        .prop_map(|(key, value)| format!("{{{}:{value}}}", Value::from(key)));
    prop_oneof![6 => object, 1 => list, 1 => leaf]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => json().prop_map(String::into_bytes),
        1 => (json(), any::<prop::sample::Index>()).prop_map(|(text, at)| {
            let bytes = text.into_bytes();
            bytes[..at.index(bytes.len() + 1)].to_vec()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..64),
    ]
}

fn send_body(server: &Server, body: &[u8]) -> u16 {
    let at = server.local_addr();
    let head = format!(
        "POST /start_profile HTTP/1.1\r\nHost: {at}\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    let reply = profiler_tests::http::send(at, &[head.as_bytes(), body].concat());
    assert!(reply.status == 200 || reply.code() == "bad_body", "{reply:?}");
    reply.status
}

#[test]
fn any_body_is_the_selection_that_it_says_or_a_client_error() {
    let controller = Arc::new(Scripted::content());
    let server = listen(Arc::<Scripted>::clone(&controller), HttpOptions::new());
    let config = ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() };
    let mut runner = proptest::test_runner::TestRunner::new(config);
    let (mut right, mut wrong) = (0, 0);
    let result = runner.run(&body(), |body| {
        controller.calls.lock().unwrap().clear();
        let status = send_body(&server, &body);
        let seen = controller.calls().pop().map(|call| match call {
            Call::Start(selection) => selection,
            Call::Stop(..) => panic!("a stop"),
        });
        prop_assert_eq!(&seen, &expected(&body));
        prop_assert_eq!(status, if seen.is_some() { 200 } else { 400 });
        Ok(())
    });
    result.unwrap();
    for body in ["{\"stages\":[1]}", "{}", "{\"stages\":[-1]}", "\u{feff}{}"] {
        if send_body(&server, body.as_bytes()) == 200 { right += 1 } else { wrong += 1 }
    }
    assert_eq!((right, wrong), (2, 2));
}
