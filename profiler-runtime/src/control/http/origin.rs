//! Checks the target of a request and the page that sent it, to protect local servers from web
//! pages.
//!
//! A page may send requests to any address. Through a host name that it controls, it can even read
//! the responses (DNS rebinding). Such requests have the wrong `Host`, or an `Origin` that differs
//! from it.

use std::net::IpAddr;

use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, Uri, header};

use super::error::{Code, Rejection};

/// Parts of header names that proxies add; below, how such names begin and end. Every proxy has its
/// own, so similar names count too. A client that sends one itself needs the token.
const FORWARDED: [&str; 6] = ["forwarded", "clientip", "client-ip", "remote-addr", "external-address", "proxy"];
const BEGINS: [&str; 4] = ["cf-", "cdn-", "x-envoy-", "x-original-"];
const ENDS: [&str; 4] = ["via", "-ip", "socketip", "x-amzn-trace-id"];
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The hosts for which requests are accepted.
#[derive(Clone, Debug, Default)]
pub(super) struct Hosts {
    /// Names and addresses in lower case.
    pub(super) allowed: Vec<String>,
    /// Address of the listener.
    pub(super) bound: Option<IpAddr>,
}

impl Hosts {
    /// Rejects a request for another host, or from a page of another origin.
    pub(super) fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Rejection> {
        let host = host(uri, headers)?;
        if !self.allows(host.host()) {
            return Err(Rejection::new(
                Code::WrongHost,
                "the host of this request is not one that the profiler listens for: use a loopback address, or name it \
                 with `HttpOptions::allow_host`",
            ));
        }
        if is_foreign(&host, headers) {
            return Err(Rejection::new(
                Code::CrossOrigin,
                "a page of another origin sent this request: use a page of this server, or a program such as curl",
            ));
        }
        Ok(())
    }

    fn allows(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        if host == "localhost" || self.allowed.contains(&host) {
            return true;
        }
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        // A page cannot own an address, so any address is accepted if the listener is bound to all.
        address.is_ok_and(|address| {
            let address = address.to_canonical();
            let bound = self.bound.map(|bound| bound.to_canonical());
            address.is_loopback() || bound.is_some_and(|bound| bound == address || bound.is_unspecified())
        })
    }
}

/// Returns whether a header shows that a proxy has forwarded the request. The client may then be on
/// another machine, although the proxy is on this one.
pub(super) fn is_forwarded(headers: &HeaderMap) -> bool {
    let is_of_proxy = |name: &str| {
        FORWARDED.iter().any(|part| name.contains(part))
            || BEGINS.iter().any(|begin| name.starts_with(begin))
            || ENDS.iter().any(|end| name.ends_with(end))
    };
    // A CGI-like server replaces `-` by `_`.
    headers.keys().any(|name| is_of_proxy(&name.as_str().replace('_', "-")))
}

/// Returns the only host of a request.
fn host(uri: &Uri, headers: &HeaderMap) -> Result<Authority, Rejection> {
    let bad = || Rejection::new(Code::BadHost, "the request needs one `Host` such as `localhost:8089`");
    let mut named = headers.get_all(header::HOST).iter();
    let (first, second) = (named.next(), named.next());
    let first = first.map(|host| Authority::try_from(host.as_bytes()).map_err(|_| bad())).transpose()?;
    let host = match (uri.authority(), first) {
        (Some(uri), Some(host)) if *uri != host => return Err(bad()),
        (Some(host), _) => host.clone(),
        (None, Some(host)) => host,
        (None, None) => return Err(bad()),
    };
    if second.is_some() || host.as_str().contains('@') { Err(bad()) } else { Ok(host) }
}

fn is_foreign(host: &Authority, headers: &HeaderMap) -> bool {
    let sites = headers.get_all(SEC_FETCH_SITE).iter();
    let foreign_site = sites.into_iter().any(|site| !matches!(site.as_bytes(), b"same-origin" | b"none"));
    let mut origins = headers.get_all(header::ORIGIN).iter();
    foreign_site || origins.any(|origin| !is_origin_of(origin.as_bytes(), host))
}

/// Returns whether an `Origin` equals the host that the request was sent to.
fn is_origin_of(origin: &[u8], host: &Authority) -> bool {
    let Ok(origin) = Uri::try_from(origin) else { return false };
    let default = match origin.scheme_str() {
        Some("http") => 80,
        Some("https") => 443,
        _ => return false,
    };
    let port = |authority: &Authority| authority.port_u16().unwrap_or(default);
    origin.authority().is_some_and(|origin| {
        origin.host().eq_ignore_ascii_case(host.host()) && port(origin) == port(host) && !origin.as_str().contains('@')
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn code(hosts: &Hosts, lines: &[(&'static str, &str)]) -> &'static str {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, value.parse().unwrap());
        }
        hosts
            .check(&Uri::from_static("/start_profile"), &headers)
            .map_or_else(|rejection| rejection.code.name(), |()| "ok")
    }

    #[test]
    fn only_loopback_bound_and_named_hosts_are_accepted() {
        let bound = Some("10.0.0.7".parse().unwrap());
        let hosts = Hosts { allowed: vec!["gpu7".into()], bound };
        for host in ["localhost", "LocalHost:80", "127.0.0.1:8089", "127.1.2.3", "[::1]:8089", "10.0.0.7:1", "GPU7:80"]
        {
            assert_eq!(code(&hosts, &[("host", host)]), "ok", "{host}");
        }
        for host in ["evil.example:8089", "10.0.0.8", "localhost.evil.example", "127.0.0.1.nip.io", "0.0.0.0", "gpu77"]
        {
            assert_eq!(code(&hosts, &[("host", host)]), "wrong_host", "{host}");
        }
        for host in ["", "a b", "evil@localhost", "localhost:port:1"] {
            assert_eq!(code(&hosts, &[("host", host)]), "bad_host", "{host}");
        }
        assert_eq!(code(&hosts, &[]), "bad_host");
        assert_eq!(code(&hosts, &[("host", "localhost"), ("host", "evil.example")]), "bad_host");
        let everywhere = Hosts { allowed: Vec::new(), bound: Some("0.0.0.0".parse().unwrap()) };
        assert_eq!(code(&everywhere, &[("host", "192.168.1.4:8089")]), "ok");
        assert_eq!(code(&everywhere, &[("host", "evil.example")]), "wrong_host");
    }

    /// G12: proxies name the client in many ways, and local clients send none of these headers.
    #[test]
    fn headers_of_proxies_are_recognized() {
        let is_forwarded =
            |name: &'static str| is_forwarded(&[(name.parse().unwrap(), "1".parse().unwrap())].into_iter().collect());
        for name in [
            "forwarded",
            "x-forwarded-for",
            "x-forwarded-proto",
            "x_forwarded_for",
            "forwarded-for",
            "x-original-forwarded-for",
            "x-vercel-forwarded-for",
            "via",
            "x-bluecoat-via",
            "x-real-ip",
            "x-remote-ip",
            "x-originating-ip",
            "true-client-ip",
            "fly-client-ip",
            "fastly-client-ip",
            "client-ip",
            "wl-proxy-client-ip",
            "do-connecting-ip",
            "cf-connecting-ip",
            "cf-ray",
            "cdn-loop",
            "x-azure-clientip",
            "x-azure-socketip",
            "x-appengine-user-ip",
            "x-remote-addr",
            "x-envoy-external-address",
            "x-envoy-attempt-count",
            "x-nginx-proxy",
            "proxy-connection",
            "x-original-host",
            "x-amzn-trace-id",
        ] {
            assert!(is_forwarded(name), "{name}");
        }
        for name in [
            "host",
            "user-agent",
            "accept",
            "accept-encoding",
            "authorization",
            "content-type",
            "content-length",
            "connection",
            "origin",
            "referer",
            "cookie",
            "sec-fetch-site",
            "sec-ch-ua-platform",
            "dnt",
            "upgrade-insecure-requests",
            "te",
            "traceparent",
            "x-request-id",
            "x-requested-with",
            "idempotency-key",
            "expect",
        ] {
            assert!(!is_forwarded(name), "{name}");
        }
    }

    #[test]
    fn a_page_must_have_the_origin_of_its_target() {
        let with = |host, name, value| code(&Hosts::default(), &[("host", host), (name, value)]);
        for origin in ["http://localhost:8089", "https://LOCALHOST:8089"] {
            assert_eq!(with("localhost:8089", "origin", origin), "ok", "{origin}");
        }
        assert_eq!(with("localhost", "origin", "https://localhost:443"), "ok", "default ports");
        for origin in ["null", "http://localhost:3000", "http://evil.example", "http://a@localhost:8089", "file://", ""]
        {
            assert_eq!(with("localhost:8089", "origin", origin), "cross_origin", "{origin}");
        }
        for (site, answer) in
            [("none", "ok"), ("same-origin", "ok"), ("same-site", "cross_origin"), ("cross-site", "cross_origin")]
        {
            assert_eq!(with("localhost", "sec-fetch-site", site), answer);
        }
    }
}
