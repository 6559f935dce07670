//! The agent at work: a task for each client and each container.

use std::fs;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use callgate_kernel::InheritedDescriptor;
use callgate_supervise::{AsyncListener, Event as Heard, Listener, Notification};
use callgate_syscalls::SeccompData;
use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::sleep;

use crate::answer::Decision;
use crate::crowd::Crowd;
use crate::hand::Answered;
use crate::log::{Event, Log};
use crate::metrics::{Metrics, increment};
use crate::oci::{Container, Rejection};
use crate::receive::receive;
use crate::store::{Restored, Store};
use crate::{Error, Options, Policy, http};

/// How many clients may be heard at once. Newer ones displace the oldest.
const CLIENTS_MAX: usize = 256;

/// Answers containers until a signal ends the process: SIGTERM or SIGINT. SIGHUP reads the policy
/// again.
///
/// Changes what is the process's own: its umask becomes 0, as devices get the mode that was asked
/// for, and its limit of open files becomes what it may be, as each container needs one.
///
/// # Errors
/// [`Error`] where the agent can't start.
pub fn run(
    options: &Options,
    inherited: Vec<InheritedDescriptor>,
    log: impl Write + Send + 'static,
) -> Result<(), Error> {
    let policy = Policy::read(&options.policy)?;
    raise_file_limit();
    let log = Log::start(log)?;
    let (store, restored) = Store::open(inherited);
    let agent = Arc::new(Agent {
        policy: RwLock::new(Arc::new(policy)),
        policy_path: options.policy.clone(),
        metrics: Arc::default(),
        log,
        store,
    });
    let runtime = Builder::new_multi_thread().worker_threads(WORKERS).enable_all().build();
    let runtime = runtime.map_err(|reason| Error::system("starting the agent", reason))?;
    runtime.block_on(serve(&agent, options, restored))
}

/// Answers are short; what waits is done elsewhere.
const WORKERS: usize = 2;

/// What all tasks share.
struct Agent {
    policy: RwLock<Arc<Policy>>,
    policy_path: PathBuf,
    metrics: Arc<Metrics>,
    log: Log,
    store: Store,
}

async fn serve(
    agent: &Arc<Agent>,
    options: &Options,
    restored: Vec<Restored>,
) -> Result<(), Error> {
    let (mut term, mut int) = (hear(SignalKind::terminate())?, hear(SignalKind::interrupt())?);
    let mut hangup = hear(SignalKind::hangup())?;
    let listener = bind(&options.socket)?;
    umask(Mode::empty());
    let metrics = serve_metrics(agent, options.metrics).await?;
    for Restored { container, listener, name } in restored {
        agent.start(container, listener, Some(name), Event::Restored);
    }
    let accepting = tokio::spawn(accept(Arc::clone(agent), listener));
    agent.metrics.logged(agent.log.started(metrics));
    agent.store.tell("READY=1");
    loop {
        tokio::select! {
            _ = term.recv() => break,
            _ = int.recv() => break,
            _ = hangup.recv() => agent.reload(),
        }
    }
    accepting.abort();
    agent.store.tell("STOPPING=1");
    // Whoever connects from now on is told at once; a path that can't be removed is replaced by the
    // next agent.
    let _ = fs::remove_file(&options.socket);
    agent.note(Event::Stopped, None, None);
    // The line is written by another thread.
    sleep(Duration::from_millis(50)).await;
    Ok(())
}

fn hear(kind: SignalKind) -> Result<Signal, Error> {
    signal(kind).map_err(|reason| Error::system("handling signals", reason))
}

/// Begins to serve the metrics, if that is asked for: at the address that is returned, whose port
/// the system has chosen where it was to be 0.
async fn serve_metrics(
    agent: &Arc<Agent>,
    address: Option<SocketAddr>,
) -> Result<Option<SocketAddr>, Error> {
    let Some(address) = address else { return Ok(None) };
    if !address.ip().is_loopback() {
        return Err(Error::NotLoopback { address });
    }
    let failed = |reason| Error::system(format!("listening at {address}"), reason);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    tokio::spawn(http::serve(listener, Arc::clone(&agent.metrics)));
    Ok(Some(bound))
}

/// Listens at a path, for the owner of this process alone. What an agent left behind that ended is
/// replaced.
fn bind(path: &Path) -> Result<UnixListener, Error> {
    if let Ok(existing) = fs::symlink_metadata(path) {
        if !existing.file_type().is_socket() {
            return Err(Error::NotASocket { path: path.to_owned() });
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(Error::Occupied { path: path.to_owned() });
        }
        fs::remove_file(path).map_err(|reason| failed(path, reason))?;
    }
    umask(Mode::RWXG | Mode::RWXO);
    UnixListener::bind(path).map_err(|reason| failed(path, reason))
}

fn failed(path: &Path, reason: io::Error) -> Error {
    Error::system(format!("listening at {}", path.display()), reason)
}

async fn accept(agent: Arc<Agent>, listener: UnixListener) {
    let mut clients = Crowd::new(CLIENTS_MAX);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let heard = Arc::clone(&agent);
                let client = tokio::spawn(async move { heard.hear_client(&stream).await });
                if clients.admit(client.abort_handle()) {
                    agent.reject(&Rejection::Displaced);
                }
            }
            // No descriptors left, most likely: containers that end give theirs back.
            Err(error) => {
                agent.note(Event::Error, None, Some(&error.to_string()));
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

impl Agent {
    /// Takes a container over from its runtime.
    async fn hear_client(self: &Arc<Self>, stream: &UnixStream) {
        let taken = receive(stream).await.and_then(|(container, descriptor)| {
            let listener = Listener::new(descriptor)
                .map_err(|error| Rejection::NotAListener(error.to_string()))?;
            Ok((container, listener))
        });
        match taken {
            Ok((container, listener)) => {
                let name = self.store.put(&container, listener.as_fd());
                self.start(container, listener, name, Event::Added);
            }
            Err(rejection) => self.reject(&rejection),
        }
    }

    fn reject(&self, rejection: &Rejection) {
        self.metrics.rejected(rejection);
        let detail = rejection.detail().map(|detail| format!("{}: {detail}", rejection.name()));
        let reason = detail.as_deref().unwrap_or(rejection.name());
        self.note(Event::Rejected, None, Some(reason));
    }

    /// Begins to answer a container.
    fn start(
        self: &Arc<Self>,
        container: Container,
        listener: Listener,
        name: Option<String>,
        event: Event,
    ) {
        self.note(event, Some(&container.id), None);
        increment(&self.metrics.containers);
        increment(&self.metrics.containers_total);
        let agent = Arc::clone(self);
        tokio::spawn(async move {
            let id = container.id.clone();
            let ended = agent.answer(container, listener).await;
            if let Err(error) = &ended {
                agent.note(Event::Error, Some(&id), Some(&error.to_string()));
            }
            if let Some(name) = name {
                agent.store.remove(&name);
            }
            agent.metrics.containers.fetch_sub(1, Ordering::Relaxed);
            agent.note(Event::Ended, Some(&id), None);
        });
    }

    /// Answers a container until its last process has ended.
    async fn answer(
        self: &Arc<Self>,
        container: Container,
        listener: Listener,
    ) -> Result<(), callgate_supervise::Error> {
        let listener = AsyncListener::new(listener)?;
        let answered = Arc::new(Answered::new(container, listener, Arc::clone(&self.metrics)));
        loop {
            match answered.listener.next().await? {
                Heard::Call(call) => self.answer_call(&answered, call),
                Heard::Gone | Heard::Interrupted => {}
                Heard::Ended => return Ok(()),
            }
        }
    }

    /// Answers a call, at once or in a task of its own.
    fn answer_call(self: &Arc<Self>, answered: &Arc<Answered>, call: Notification<'_>) {
        let (data, tid) = (*call.call(), call.caller().map(|tid| tid.raw()));
        let policy = self.policy();
        match policy.answer(call, &answered.container.metadata) {
            Ok(decision) => self.note_decision(&answered.container, tid, &data, &decision),
            Err(call) => {
                let (agent, answered, call) =
                    (Arc::clone(self), Arc::clone(answered), call.set_aside());
                tokio::spawn(async move {
                    let decision = answered.answer(call, policy).await;
                    agent.note_decision(&answered.container, tid, &data, &decision);
                });
            }
        }
    }

    fn note_decision(
        &self,
        container: &Container,
        tid: Option<u32>,
        call: &SeccompData,
        decision: &Decision,
    ) {
        self.metrics.decided(decision);
        if decision.log {
            self.metrics.logged(self.log.decision(container, tid, call, decision));
        }
    }

    fn policy(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the policy again; one that is wrong changes nothing.
    fn reload(&self) {
        match Policy::read(&self.policy_path) {
            Ok(policy) => {
                *self.policy.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(policy);
                self.note(Event::Reloaded, None, None);
            }
            Err(error) => self.note(Event::Error, None, Some(&error.to_string())),
        }
    }

    fn note(&self, event: Event, container: Option<&str>, reason: Option<&str>) {
        self.metrics.logged(self.log.event(event, container, reason));
    }
}

/// As many open files as this process may have: one for each container.
fn raise_file_limit() {
    let limit = getrlimit(Resource::Nofile);
    // With fewer the agent works, for fewer containers.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, maximum: limit.maximum });
}
