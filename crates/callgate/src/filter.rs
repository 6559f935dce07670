//! A policy with its proved program.

use std::os::fd::OwnedFd;
use std::path::Path;

use callgate_bpf::Program;
use callgate_build::{Built, Proof};
use callgate_formats::Resolved;
use callgate_kernel::child::Child;
use callgate_kernel::{Command, Enforced, Interruption, Options, Scope, Wants};
use callgate_policy::{Action, Policy, SeccompData};
use callgate_rules::Target;
use callgate_supervise::Listener;
use callgate_syscalls::{Arch, Endian};

use crate::{Error, FilterBuilder};

/// A syscall filter: what it means and a program that was proved to mean it.
#[derive(Clone, Debug)]
pub struct Filter {
    policy: Policy,
    built: Built,
}

impl Filter {
    /// Starts a filter that answers `default` to calls without a rule.
    pub fn builder(default: Action) -> FilterBuilder {
        FilterBuilder::new(default)
    }

    /// Compiles a policy and proves the program equal to it.
    ///
    /// # Errors
    /// [`Error::Compile`] where the program would be too long, [`Error::Proof`] where it was not
    /// proved.
    pub fn from_policy(policy: Policy) -> Result<Self, Error> {
        let built = callgate_build::program(&policy)?;
        Ok(Self { policy, built })
    }

    /// Compiles a policy in the language (`*.gate`) and proves the program equal to it, for the
    /// architectures that the policy names, or this machine's. Where the policy depends on kernel or
    /// capabilities, for the running kernel and Docker's set; [`Filter::from_text`] is for others.
    ///
    /// # Errors
    /// [`Error::Text`] says what is wrong with the text, each error with its line; else as
    /// [`Filter::from_policy`].
    ///
    /// # Examples
    /// ```
    /// use callgate::Filter;
    ///
    /// // Mostly `include_str!("server.gate")`.
    /// let filter = Filter::parse("policy 1\ndefault errno EPERM\nallow { read, write, exit_group }\n")?;
    /// assert!(filter.program().len() < 20);
    ///
    /// let error = Filter::parse("policy 1\ndefault kill\nallow { raed }\n").unwrap_err();
    /// assert!(error.to_string().starts_with("policy:3:9: error[E0340]: no syscall is called `raed`"));
    /// # Ok::<(), callgate::Error>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, Error> {
        let source = callgate_rules::Source::new("policy", text);
        let source = source.map_err(callgate_gate::Refused::from)?;
        Self::from_written(&callgate_gate::read(source, &mut callgate_gate::nothing)?)
    }

    /// As [`Filter::parse`], from a file, which may include others. In a build script the error
    /// names file, line and column: write `cargo::rerun-if-changed` for the file, and fail with the
    /// error as it is.
    ///
    /// # Errors
    /// As [`Filter::parse`]; [`Error::Text`] also for a file that cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let source = callgate_rules::Source::load(path).map_err(callgate_gate::Refused::from)?;
        Self::from_written(&callgate_gate::read(source, &mut callgate_gate::from_folder)?)
    }

    /// The filter of an embedded policy, `container` or `qemu`, for this machine, the running kernel
    /// and Docker's set of capabilities. [`gate::builtin`](callgate_gate::builtin) has the text, and
    /// [`Filter::from_text`] is for others.
    ///
    /// # Errors
    /// [`Error::UnknownBuiltin`]; else as [`Filter::parse`].
    ///
    /// # Examples
    /// ```
    /// use callgate::Filter;
    ///
    /// let filter = Filter::builtin("container")?;
    /// assert!(filter.program().len() < 400);
    /// # Ok::<(), callgate::Error>(())
    /// ```
    pub fn builtin(name: &str) -> Result<Self, Error> {
        Self::from_written(&callgate_gate::builtin(name)?.read()?)
    }

    /// Compiles a policy in the language that was read, for a machine, kernel and capabilities that
    /// the caller names.
    ///
    /// # Errors
    /// As [`Filter::parse`].
    ///
    /// # Examples
    /// ```
    /// use callgate::rules::{CapSet, Source, Target};
    /// use callgate::{Action, Arch, Filter, SeccompData, gate, names};
    ///
    /// let text = "policy 1\ndefault errno EPERM\non cap CAP_BPF { allow bpf }\n";
    /// let written = gate::read(Source::new("bpf.gate", text)?, &mut gate::nothing)?;
    /// let call = SeccompData::new(Arch::X86_64, Arch::X86_64.syscall(names::BPF).unwrap().nr);
    /// for (caps, action) in [(CapSet::NONE, Action::errno(1).unwrap()), (CapSet::ALL, Action::ALLOW)] {
    ///     let target = Target { caps, ..Target::new(Arch::X86_64) };
    ///     assert_eq!(Filter::from_text(&written, &target)?.decide(&call), action);
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_text(written: &callgate_gate::Written, target: &Target) -> Result<Self, Error> {
        Self::from_policy(written.lower(target)?.policy)
    }

    fn from_written(written: &callgate_gate::Written) -> Result<Self, Error> {
        let named = written.rules.header.arches.first().copied();
        let native = Arch::native().or(named).ok_or(Error::NativeUnknown)?;
        let asks = written.rules.rules.iter().any(|rule| rule.applies.depends_on_kernel());
        let kernel = if asks { Some(callgate_kernel::running_kernel()?) } else { None };
        Self::from_text(written, &Target { kernel, ..Target::new(native) })
    }

    pub(crate) const fn new(policy: Policy, built: Built) -> Self {
        Self { policy, built }
    }

    /// Compiles what a profile was resolved to. Flags and listener of the profile are the caller's
    /// to apply.
    ///
    /// # Errors
    /// As [`Filter::from_policy`].
    pub fn from_profile(resolved: &Resolved) -> Result<Self, Error> {
        Self::from_policy(resolved.policy.clone())
    }

    /// What the filter means.
    #[must_use]
    pub const fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The program.
    #[must_use]
    pub const fn program(&self) -> &Program {
        self.built.program()
    }

    /// How the program was proved.
    #[must_use]
    pub const fn proof(&self) -> &Proof {
        self.built.proof()
    }

    /// The program as Rust source: a constant of that name, with the bytes that the kernel reads as
    /// `sock_filter`s.
    ///
    /// A build script writes it to a file in `OUT_DIR`, with the byte order of the target; the
    /// application includes the file and loads [`Program::from_bytes`], without compiler or prover.
    /// `examples/embedded` does so.
    ///
    /// # Examples
    /// ```
    /// use callgate::{Action, Arch, Endian, Filter, Program, names};
    ///
    /// let filter = Filter::builder(Action::KILL_PROCESS)
    ///     .arches([Arch::X86_64])
    ///     .allow([names::READ, names::EXIT_GROUP])
    ///     .build()?;
    /// let source = filter.to_rust("FILTER", Endian::Little);
    /// let size = 8 * filter.program().len();
    /// assert!(source.contains(&format!("pub const FILTER: [u8; {size}] = [")));
    /// # Ok::<(), callgate::Error>(())
    /// ```
    #[must_use]
    pub fn to_rust(&self, name: &str, endian: Endian) -> String {
        callgate_compiler::rust_source(name, self.program(), endian)
    }

    /// The action for a call, from the policy.
    ///
    /// ```
    /// use callgate::{Action, Arch, Errno, Filter, SeccompData, names};
    ///
    /// let filter = Filter::builder(Errno::EPERM.action())
    ///     .arches([Arch::Aarch64])
    ///     .allow("read")
    ///     .build()?;
    /// let (nr, arch) = (Arch::Aarch64.syscall(names::READ).unwrap().nr, Arch::Aarch64.token());
    /// let call = SeccompData { nr, arch, args: [0, 0, 512, 0, 0, 0], ..SeccompData::default() };
    /// assert_eq!(call.name(), Some(names::READ));
    /// assert_eq!(filter.decide(&call), Action::ALLOW);
    /// // No architecture has the token 0.
    /// assert_eq!(filter.decide(&SeccompData::default()), Action::KILL_PROCESS);
    /// # Ok::<(), callgate::Error>(())
    /// ```
    #[must_use]
    pub fn decide(&self, call: &SeccompData) -> Action {
        self.policy.decide(call)
    }

    /// Installs the filter, for good: nothing takes a filter away from a process.
    ///
    /// Sets `no_new_privs` first, without which only a privileged process may install filters.
    ///
    /// # Errors
    /// [`Error::Kernel`]; nothing was installed then.
    pub fn load(&self, scope: Scope) -> Result<(), Error> {
        self.load_with(scope, &Options::default())
    }

    /// Installs the filter with options: no_new_privs, logging, mitigations.
    ///
    /// # Errors
    /// [`Error::Kernel`]; nothing was installed then.
    pub fn load_with(&self, scope: Scope, options: &Options) -> Result<(), Error> {
        Ok(callgate_kernel::load(self.program(), scope, options)?)
    }

    /// Starts a command in a child under the filter and returns it with the listener on which its
    /// calls arrive.
    ///
    /// Signals interrupt calls that have been received as little as the kernel can do. Before Linux
    /// 6.11, a thread waits for the child, or the listener would not end with it
    /// ([`Child::wait_aside`]).
    ///
    /// # Errors
    /// [`Error::Kernel`], [`Error::Supervise`]; where the command was started, it is killed.
    ///
    /// # Examples
    /// ```
    /// use callgate::supervise::Value;
    /// use callgate::{Action, Filter, kernel, names};
    ///
    /// let filter = Filter::builder(Action::ALLOW).answer(Action::USER_NOTIFY, [names::MKDIR]).build()?;
    /// let command = kernel::Command::resolve_here(vec![c"mkdir".into(), c"/nonexistent/x".into()])?;
    /// let (child, listener) = filter.supervise(&command, &kernel::Options::default())?;
    /// for call in listener.calls() {
    ///     let _delivery = call?.succeed(Value::ZERO)?;
    /// }
    /// assert_eq!(child.wait()?, kernel::child::Ending::Exited { code: 0 });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn supervise(
        &self,
        command: &Command,
        options: &Options,
    ) -> Result<(Child, Listener), Error> {
        let interruption = Interruption::fewest();
        let supervised = command.spawn_supervised(self.program(), options, interruption)?;
        let child = supervised.child;
        match Listener::new(supervised.listener) {
            Ok(listener) if listener.ends_unasked() => Ok((child, listener)),
            Ok(listener) => Ok((child.wait_aside()?, listener)),
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error.into())
            }
        }
    }

    /// Installs the filter with what the kernel has of what is wanted, and says what that was.
    ///
    /// # Errors
    /// [`Error::Kernel`], also where the kernel lacks what is required; nothing was installed then.
    pub fn enforce(&self, scope: Scope, wants: &Wants) -> Result<Enforced, Error> {
        Ok(callgate_kernel::enforce(self.program(), scope, wants)?)
    }

    /// Installs the filter and returns the descriptor on which a supervisor receives the calls that
    /// the filter answers with [`Action::USER_NOTIFY`].
    ///
    /// # Errors
    /// [`Error::Kernel`]; nothing was installed then.
    pub fn load_with_listener(
        &self,
        scope: Scope,
        options: &Options,
        interruption: Interruption,
    ) -> Result<OwnedFd, Error> {
        Ok(callgate_kernel::load_with_listener(self.program(), scope, options, interruption)?)
    }
}
