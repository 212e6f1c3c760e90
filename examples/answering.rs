//! A server in a few lines: it answers every call, and each has a task of its own until the caller hangs up. On any number of
//! threads, to see what they cost:
//!
//! ```text
//! cargo run --release --example answering -- 127.0.0.1:5060 --workers 2
//! cargo run --release --example load -- 127.0.0.1:5060 --calls 40000 --flight 48
//! ```

use std::net::SocketAddr;
use std::process::ExitCode;

use offhook_tokio::{PeerError, SimplePeer};

fn main() -> ExitCode {
    let (mut bind, mut workers, mut mib) = (None::<SocketAddr>, Some(2), Some(256));
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--workers" => workers = args.next().and_then(|n| n.parse().ok()).filter(|&n| n > 0),
            "--transactions" => mib = args.next().and_then(|n| n.parse().ok()),
            text => bind = text.parse().ok(),
        }
    }
    let (Some(bind), Some(workers), Some(mib)) = (bind, workers, mib) else {
        eprintln!("usage: answering IP:PORT [--workers N] [--transactions MIB]");
        return ExitCode::from(2);
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build();
    let runtime = runtime.expect("a runtime");
    match runtime.block_on(runtime.spawn(serve(bind, mib))).expect("it does not panic") {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("answering: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(bind: SocketAddr, mib: usize) -> Result<(), PeerError> {
    let mut builder = SimplePeer::builder("load").bind(bind).auto_answer(true);
    // All the load comes from one address.
    builder.config().core.trusted_sources.push(bind.ip().into());
    // A transaction stays for half a minute after its answer: what they may keep is what bounds the calls a second.
    builder.config().core.limits.transaction_octets_max = mib << 20;
    let peer = builder.start().await?;
    println!("listening on {}", peer.local_addr());
    while let Some(incoming) = peer.get_incoming_call().await {
        tokio::spawn(async move {
            if let Ok(call) = incoming.accept().await {
                call.ended().await;
            }
        });
    }
    Ok(())
}
