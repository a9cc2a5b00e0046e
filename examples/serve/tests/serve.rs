//! Tests of the server from a client's point of view: the real program with real worker processes.
#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "support/server.rs"]
mod server;

use std::thread;
use std::time::Duration;

use candle_core::Device;
use profiler_examples::image;
use profiler_examples::wan::{Pipeline, Request, Source};
use serde_json::json;
use server::{QUICK, Server, is_alive, program, signal, until};

/// Returns [`QUICK`] as the pipeline's request.
fn quick() -> Request {
    let prompt = "A cat".to_owned();
    Request { prompt, num_frames: 1, num_inference_steps: 2, seed: 7, ..Request::tiny() }
}

#[test]
fn two_workers_generate_the_video_of_one_process() {
    let server = Server::start(&["--workers", "2"], &[]);
    let answer = server.post_form("/v1/videos/sync", &QUICK, None).ok();
    assert_eq!(answer.header("content-type"), Some("video/mp4"));
    assert!(answer.header("x-request-id").unwrap().starts_with("video_gen_"));
    assert!(answer.header("x-inference-time-s").unwrap().parse::<f64>().unwrap() > 0.0);

    let pipeline = Pipeline::load(&Source::default(), &Device::Cpu).unwrap();
    let request = quick();
    let video = pipeline.generate(&request, &image::demo(request.width, request.height), &mut ()).unwrap();
    assert_eq!(answer.body, video.to_mp4().unwrap());

    let first = json!({"prompt": "A cat", "num_inference_steps": 2, "seed": 7, "n": 2});
    let images = server.post_json("/v1/images/generations", &first).ok().json();
    let data = images["data"].as_array().unwrap();
    assert_eq!((data.len(), &images["size"]), (2, &json!("64x48")));
    let png = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data[0]["b64_json"].as_str().unwrap());
    assert_eq!(png.unwrap(), video.first_frame_to_png().unwrap());
    assert_ne!(data[0], data[1], "another seed");
}

/// E15: a request from another server's guide is served, and the answer says which model ran.
#[test]
fn a_foreign_model_is_served_with_a_warning() {
    let server = Server::start(&[], &[]);
    let asked = json!({"model": "Qwen/Qwen-Image\nx", "prompt": "A cat", "num_inference_steps": 1});
    let answer = server.post_json("/v1/images/generations", &asked).ok();
    assert_eq!(answer.header("x-model"), Some("wan2.2-i2v-tiny"));
    let warning = "`Qwen/Qwen-Image\\nx` is not served here: `wan2.2-i2v-tiny` ran instead";
    assert_eq!(answer.header("x-warning"), Some(warning));
    let own = json!({"model": "wan2.2-i2v-tiny", "prompt": "A cat", "num_inference_steps": 1});
    assert_eq!(server.post_json("/v1/images/generations", &own).ok().header("x-warning"), None);
}

/// E16: every kind of answer contains the durations of the stages.
#[test]
fn answers_hold_the_durations_of_the_stages() {
    let server = Server::start(&[], &[]);
    let stages = ["diffuse", "text_encoder.forward", "tokenizer.forward", "vae.decode", "vae.encode"];
    let check = |durations: &serde_json::Value| {
        let durations = durations.as_object().unwrap();
        assert!(durations.keys().eq(stages), "{durations:?}");
        assert!(durations.values().all(|seconds| seconds.as_f64().unwrap() > 0.0), "{durations:?}");
    };
    let sync = server.post_form("/v1/videos/sync", &QUICK, None).ok();
    check(&serde_json::from_str(sync.header("x-stage-durations").unwrap()).unwrap());
    let asked = json!({"prompt": "A cat", "num_inference_steps": 1});
    check(&server.post_json("/v1/images/generations", &asked).ok().json()["stage_durations"]);
    let job = server.post_form("/v1/videos", &QUICK, None).ok().json();
    let path = format!("/v1/videos/{}", job["id"].as_str().unwrap());
    let done = until(|| Some(server.get(&path).ok().json()).filter(|job| job["completed_at"].is_u64()));
    check(&done["stage_durations"]);
}

#[test]
fn a_job_is_polled_until_its_video_is_ready() {
    let server = Server::start(&[], &[]);
    assert_eq!(server.get("/v1/models").ok().json()["data"][0]["id"], "wan2.2-i2v-tiny");
    let file = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/input.png")).unwrap();
    let jobs = [(); 2].map(|()| server.post_form("/v1/videos", &QUICK, Some(("image", &file))).ok().json());
    assert_eq!((&jobs[0]["object"], &jobs[0]["size"]), (&json!("video"), &json!("64x48")));
    let [first, second] = jobs.map(|job| format!("/v1/videos/{}", job["id"].as_str().unwrap()));
    let early = server.get(&format!("{second}/content")).error(404);
    assert_eq!(early.0, "not_ready");
    for path in [first, second] {
        let done = until(|| Some(server.get(&path).ok().json()).filter(|job| job["completed_at"].is_u64()));
        assert_eq!(
            (&done["status"], &done["progress"], &done["error"]),
            (&json!("completed"), &json!(100), &json!(null))
        );
        let video = server.get(&format!("{path}/content")).ok();
        assert_eq!(&video.body[4..8], b"ftyp");
    }
    assert_eq!(server.get("/v1/videos/video_gen_0").error(404).0, "no_such_video");
}

#[test]
fn a_mistake_is_one_sentence_that_says_how_to_fix_it() {
    let server = Server::start(&["--token", "secret", "--strict-model"], &[]);
    let asked = |fields: &[(&str, &str)], file: Option<&[u8]>| {
        let mut body = String::new();
        for (name, text) in fields {
            body += &format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
        }
        let mut body = body.into_bytes();
        if let Some(file) = file {
            body.extend(b"--edge\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\n");
            body.extend([file, b"\r\n"].concat());
        }
        body.extend(b"--edge--\r\n");
        let headers = "Content-Type: multipart/form-data; boundary=edge\r\nAuthorization: Bearer secret\r\n";
        server.send("POST", "/v1/videos/sync", headers, &body)
    };
    let prompt = ("prompt", "A cat");
    for (fields, says) in [
        (&[("num_frames", "1")][..], "`prompt`: is required and missing"),
        (&[prompt, ("size", "50x48")], "`width` is 50, but must be a multiple of 16"),
        (&[prompt, ("size", "big")], "`size`: expected width and height as in `832x480`, found \"big\""),
        (&[prompt, ("num_frames", "many")], "`num_frames`: expected a number, found \"many\""),
        (&[prompt, ("num_inference_steps", "500")], "must be from 1 to 200"),
        (&[prompt, ("size", "1280x720"), ("num_frames", "241")], "ask for less"),
        (&[prompt, ("model", "gpt")], "`gpt` is not served here, `wan2.2-i2v-tiny` is"),
        (&[prompt, ("promt", "A dog")], "`promt`: is no field of this form"),
    ] {
        let (code, message) = asked(fields, None).error(400);
        assert!(code == "bad_request" && message.contains(says), "{message}");
    }
    assert!(asked(&[prompt], Some(b"no picture")).error(400).1.starts_with("`image`: expected a PNG or JPEG file"));
    assert_eq!(asked(&[prompt], Some(&vec![0; 17 << 20])).status, 413);

    assert_eq!(server.post_form("/v1/videos/sync", &QUICK, None).error(401).0, "unauthorized");
    let wrong = server.send("GET", "/v1/models", "Authorization: Bearer secret2\r\n", &[]);
    assert_eq!((wrong.error(401).0.as_str(), wrong.header("www-authenticate")), ("unauthorized", Some("Bearer")));
    let right = "Authorization: Bearer secret\r\n";
    assert_eq!(server.send("POST", "/v1/videos/sync", right, b"{}").error(400).0, "bad_form");
    assert_eq!(server.send("DELETE", "/v1/videos", right, &[]).error(405).0, "wrong_method");
    assert_eq!(server.send("POST", "/v1/images/generations", right, b"{}").error(415).0, "bad_json");
    assert_eq!(server.get("/health").ok().json()["status"], "healthy", "needs no token");
    assert_eq!(server.get("/nothing").error(404).0, "no_such_path");
    assert_eq!(server.post("/start_profile").error(404).0, "no_such_path", "no profiler is configured");
}

#[test]
fn a_worker_that_dies_fails_its_request_and_the_other_continues() {
    let server = Server::start(&["--workers", "2"], &[]);
    let [(first, _), (second, _)] = server.workers().try_into().unwrap();
    thread::scope(|scope| {
        // A stopped worker cannot finish its part before it is killed.
        signal("STOP", second);
        let asked = scope.spawn(|| server.post_form("/v1/videos/sync", &QUICK, None));
        thread::sleep(Duration::from_secs(2));
        signal("KILL", second);
        let (code, message) = asked.join().unwrap().error(503);
        assert!(code == "worker_lost" && message.contains("`diffusion_rank_1` has ended: signal: 9"), "{message}");
    });
    let health = server.wait_for_health("degraded");
    assert_eq!((&health["workers"][0]["state"], &health["workers"][1]["state"]), (&json!("ready"), &json!("lost")));
    server.post_form("/v1/videos/sync", &QUICK, None).ok();

    signal("KILL", first);
    let health = server.wait_for_health("unhealthy");
    assert!(health["workers"][0]["reason"].as_str().unwrap().contains("signal: 9"), "{health}");
    for _ in 0..2 {
        let (code, message) = server.post_form("/v1/videos/sync", &QUICK, None).error(503);
        assert!(code == "no_worker" && message.contains("`diffusion_rank_0` has ended: signal: 9"), "{message}");
    }
    assert!(server.interrupt().success());
}

#[test]
fn ctrl_c_finishes_running_requests_and_ends_every_process() {
    let server = Server::start(&["--workers", "2"], &[]);
    let workers: Vec<u64> = server.workers().into_iter().map(|(pid, _)| pid).collect();
    let pid = server.pid();
    thread::scope(|scope| {
        // While its workers are stopped, the first request is running, however fast the machine is.
        workers.iter().for_each(|worker| signal("STOP", *worker));
        let making = scope.spawn(|| server.post_form("/v1/videos/sync", &QUICK, None));
        thread::sleep(Duration::from_secs(2));
        let waiting = [(); 2].map(|()| scope.spawn(|| server.post_form("/v1/videos/sync", &QUICK, None)));
        thread::sleep(Duration::from_secs(2));
        signal("INT", pid);
        for waiting in waiting {
            assert_eq!(waiting.join().unwrap().error(503).0, "shutting_down");
        }
        workers.iter().for_each(|worker| signal("CONT", *worker));
        making.join().unwrap().ok();
    });
    assert!(server.interrupt().success());
    for worker in workers {
        until(|| (!is_alive(worker)).then_some(()));
    }
}

#[test]
fn workers_end_with_a_server_that_is_killed() {
    let server = Server::start(&["--workers", "2"], &[]);
    let workers: Vec<u64> = server.workers().into_iter().map(|(pid, _)| pid).collect();
    drop(server);
    for worker in workers {
        until(|| (!is_alive(worker)).then_some(()));
    }
}

#[test]
fn a_wrong_argument_ends_the_program_with_one_line() {
    for (flags, says) in [
        (&["--workers", "3"][..], "`--workers` is 3, but must be 1 or an even number"),
        (&["--host", "0.0.0.0"], "`--host 0.0.0.0` can be reached from other machines"),
        (&["--port", "0", "--model", "missing"], "the model lacks"),
        (&["--port", "0", "--profiler-config", "{\"profiler\": \"torhc\"}"], "torhc"),
    ] {
        let ended = program().args(flags).output().unwrap();
        let error = String::from_utf8(ended.stderr).unwrap();
        assert_eq!(ended.status.code(), Some(1), "{error}");
        assert!(error.starts_with("error: ") && error.contains(says), "{error}");
    }
}
