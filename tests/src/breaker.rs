//! A relay on this machine that can be switched off for a while: connections break and none is taken.
//! Never looks at what passes.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// A running relay; ends when dropped.
#[derive(Debug)]
pub struct Breaker {
    port: u16,
    is_off: Arc<AtomicBool>,
    cut: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Breaker {
    /// Begins to relay to a port of this machine. Needs a runtime around it.
    ///
    /// # Errors
    /// Where no port is free.
    pub fn start(server_port: u16) -> Result<Self> {
        let listener = StdListener::bind(("127.0.0.1", 0))?;
        listener.set_nonblocking(true)?;
        let (port, listener) = (listener.local_addr()?.port(), TcpListener::from_std(listener)?);
        let (cut, _) = watch::channel(0);
        let is_off = Arc::new(AtomicBool::new(false));
        let task = tokio::spawn(relay(listener, server_port, Arc::clone(&is_off), cut.clone()));
        Ok(Self { port, is_off, cut, task })
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Breaks every connection, and every new one at once.
    pub fn off(&self) {
        self.is_off.store(true, Ordering::SeqCst);
        self.cut.send_modify(|count| *count += 1);
    }

    /// Lets connections pass again.
    pub fn on(&self) {
        self.is_off.store(false, Ordering::SeqCst);
    }
}

impl Drop for Breaker {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn relay(listener: TcpListener, server_port: u16, is_off: Arc<AtomicBool>, cut: watch::Sender<u64>) {
    let server = SocketAddr::from(([127, 0, 0, 1], server_port));
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        let (mut broken, is_off) = (cut.subscribe(), Arc::clone(&is_off));
        tokio::spawn(async move {
            if is_off.load(Ordering::SeqCst) {
                return;
            }
            let Ok(mut server) = TcpStream::connect(server).await else { return };
            tokio::select! {
                // Both ends are dropped, however it ends.
                _ = copy_bidirectional(&mut client, &mut server) => {}
                _ = broken.changed() => {}
            }
        });
    }
}
