//! A server of axum with tower-http's tracing and functions that are instrumented for `tracing`,
//! under eight clients.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use profiler_unpatched::{Outcome, prove};
use tower_http::trace::TraceLayer;
use tracing::{Instrument, info_span, instrument};

#[instrument]
async fn queue(tokens: usize) {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

#[instrument(skip_all)]
fn infer() -> usize {
    (0..1000).filter(|number| number % 3 == 0).count()
}

async fn embed() -> String {
    queue(16).await;
    let found = infer();
    async { tokio::task::yield_now().await }.instrument(info_span!("respond")).await;
    found.to_string()
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /embed HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn main() -> Outcome {
    prove(|| {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))?;
        let address = listener.local_addr()?;
        let app = Router::new().route("/embed", get(embed)).layer(TraceLayer::new_for_http());
        runtime.spawn(async move { axum::serve(listener, app).await });
        let clients: Vec<_> =
            (0..8).map(|_| std::thread::spawn(move || (0..5).try_for_each(|_| ask(address).map(drop)))).collect();
        clients.into_iter().try_for_each(|client| client.join().expect("a client ends"))?;
        runtime.shutdown_timeout(Duration::from_secs(1));
        Ok(())
    })
}
