//! The class `SyscallFilter`.

use std::os::fd::RawFd;

use callgate_scmp::{Attribute, Context, Exactness, Token, code};
use callgate_syscalls::Action;
use pyo3::exceptions::{PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyMemoryView, PyTuple};

use crate::arch::architecture;
use crate::argument::Arg;
use crate::error;
use crate::export::write_all;
use crate::notify::{self, Notification, NotificationAddfd, NotificationResponse};
use crate::number;

/// A filter for syscalls, made of rules.
#[pyclass(module = "seccomp", subclass)]
#[derive(Debug)]
pub(crate) struct SyscallFilter {
    context: Context,
    default: Action,
}

#[pymethods]
impl SyscallFilter {
    /// A filter without rules for the native architecture, with the action where no rule holds.
    #[new]
    fn new(defaction: i64) -> PyResult<Self> {
        let default = number::action(defaction)?;
        Ok(Self { context: context(default)?, default })
    }

    /// Drops all rules and sets the default action, the one of the constructor unless another is
    /// given.
    #[pyo3(signature = (defaction = -1), text_signature = "($self, /, defaction=-1)")]
    fn reset(&mut self, defaction: i64) -> PyResult<()> {
        let default = if defaction == -1 { self.default } else { number::action(defaction)? };
        self.context.reset(default, &callgate_scmp_process::kernel()).map_err(error::value)?;
        self.default = default;
        Ok(())
    }

    /// Takes over the architectures and rules of another filter, which is reset.
    fn merge(slf: &Bound<'_, Self>, filter: &Bound<'_, Self>) -> PyResult<()> {
        if slf.is(filter) {
            return Err(error::with_reason(code::EEXIST, "a filter can't merge with itself"));
        }
        let (mut this, mut other) = (slf.try_borrow_mut()?, filter.try_borrow_mut()?);
        this.context.merge(&mut other.context).map_err(error::context)?;
        other.context = context(other.default)?;
        Ok(())
    }

    /// Whether the filter has an architecture.
    fn exist_arch(&self, arch: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self.context.arch_exist(token(arch)?) {
            Ok(()) => Ok(true),
            Err(error) if error.errno() == code::EEXIST => Ok(false),
            Err(error) => Err(error::value(error)),
        }
    }

    /// Adds an architecture, which starts without rules.
    fn add_arch(&mut self, arch: &Bound<'_, PyAny>) -> PyResult<()> {
        self.context.arch_add(token(arch)?).map_err(error::value)
    }

    /// Removes an architecture with its rules.
    fn remove_arch(&mut self, arch: &Bound<'_, PyAny>) -> PyResult<()> {
        self.context.arch_remove(token(arch)?).map_err(error::value)
    }

    /// Puts this process under the filter. There is no way back.
    fn load(&mut self) -> PyResult<()> {
        callgate_scmp_process::load(&mut self.context).map_err(|error| error::library(&error))
    }

    /// The value of an attribute.
    fn get_attr(&self, attr: u32) -> PyResult<u32> {
        let attribute = Attribute::from_raw(attr).map_err(error::value)?;
        self.context.attr(attribute).map_err(error::value)
    }

    /// Sets an attribute.
    fn set_attr(&mut self, attr: u32, value: i64) -> PyResult<()> {
        let value = number::word(value, "an attribute")?;
        let attribute = Attribute::from_raw(attr).map_err(error::value)?;
        self.context
            .attr_set(attribute, value, &callgate_scmp_process::kernel())
            .map_err(error::value)
    }

    /// Says how often a syscall will be made, 0 to 255.
    fn syscall_priority(&mut self, syscall: &Bound<'_, PyAny>, priority: i64) -> PyResult<()> {
        let priority = u8::try_from(priority)
            .map_err(|_| PyValueError::new_err("a priority is a number from 0 to 255"))?;
        let number = number::syscall(native()?, syscall)?;
        self.context.syscall_priority(number, priority).map_err(error::context)
    }

    /// Adds a rule: the action for a syscall whose arguments hold, on every architecture of the
    /// filter.
    #[pyo3(signature = (action, syscall, *args))]
    fn add_rule(
        &mut self,
        action: i64,
        syscall: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        self.add(action, syscall, args, Exactness::Adapted)
    }

    /// Adds a rule, unless the architecture can't express it as given.
    #[pyo3(signature = (action, syscall, *args))]
    fn add_rule_exactly(
        &mut self,
        action: i64,
        syscall: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
    ) -> PyResult<()> {
        self.add(action, syscall, args, Exactness::Exact)
    }

    /// Waits for a syscall that the filter hands to its listener.
    #[pyo3(signature = (fd = None))]
    #[expect(clippy::unused_self, reason = "a method in libseccomp's binding")]
    fn receive_notify(&self, python: Python<'_>, fd: Option<RawFd>) -> PyResult<Notification> {
        notify::receive(python, notify::descriptor(fd)?)
    }

    /// Answers a syscall that waits.
    #[pyo3(signature = (response, fd = None))]
    #[expect(clippy::unused_self, reason = "a method in libseccomp's binding")]
    fn respond_notify(
        &self,
        response: PyRef<'_, NotificationResponse>,
        fd: Option<RawFd>,
    ) -> PyResult<()> {
        notify::respond(notify::descriptor(fd)?, &response)
    }

    /// Whether the syscall of a notification still waits for its answer.
    #[pyo3(signature = (notify, fd = None))]
    #[expect(clippy::unused_self, reason = "beside the other requests")]
    fn notify_id_valid(
        &self,
        notify: &Bound<'_, Notification>,
        fd: Option<RawFd>,
    ) -> PyResult<bool> {
        Ok(notify::id_valid(notify::descriptor(fd)?, notify.get().id))
    }

    /// The descriptor of the process's listener.
    #[expect(clippy::unused_self, reason = "a method in libseccomp's binding")]
    fn get_notify_fd(&self) -> PyResult<RawFd> {
        notify::descriptor(None)
    }

    /// Gives the process whose syscall waits a descriptor, and returns its number there.
    #[pyo3(signature = (addfd, fd = None))]
    #[expect(clippy::unused_self, reason = "a method in libseccomp's binding")]
    fn notify_addfd(
        &self,
        addfd: PyRef<'_, NotificationAddfd>,
        fd: Option<RawFd>,
    ) -> PyResult<i32> {
        notify::add_fd(notify::descriptor(fd)?, &addfd)
    }

    /// Writes the filter as text for people to a file.
    fn export_pfc(&self, file: &Bound<'_, PyAny>) -> PyResult<()> {
        let text = self.context.export_pfc().map_err(error::context)?;
        write_all(&self.context, file, text.as_bytes())
    }

    /// Writes the program to a file.
    fn export_bpf(&mut self, file: &Bound<'_, PyAny>) -> PyResult<()> {
        let program = self.context.export_bpf().map_err(error::context)?;
        write_all(&self.context, file, &program)
    }

    /// The program.
    fn export_bpf_mem<'py>(&mut self, python: Python<'py>) -> PyResult<Bound<'py, PyMemoryView>> {
        let program = self.context.export_bpf().map_err(error::context)?;
        PyMemoryView::from(&PyBytes::new(python, &program))
    }

    /// Begins changes that can be taken back.
    fn start_transaction(&mut self) -> PyResult<()> {
        self.context.transaction_start().map_err(error::context)
    }

    /// Takes back what changed since the transaction began.
    fn reject_transaction(&mut self) {
        self.context.transaction_reject();
    }

    /// Keeps what changed since the transaction began.
    fn commit_transaction(&mut self) -> PyResult<()> {
        self.context.transaction_commit().map_err(error::context)
    }

    /// Makes the program, so that a load right after needs no memory for it.
    fn precompute(&mut self) -> PyResult<()> {
        self.context.precompute().map(drop).map_err(error::context)
    }
}

impl SyscallFilter {
    fn add(
        &mut self,
        action: i64,
        syscall: &Bound<'_, PyAny>,
        args: &Bound<'_, PyTuple>,
        exactness: Exactness,
    ) -> PyResult<()> {
        let (action, number) = (number::action(action)?, number::syscall(native()?, syscall)?);
        if args.len() > callgate_scmp::ArgCmp::COUNT_MAX {
            return Err(PyRuntimeError::new_err("a rule has at most 6 comparisons"));
        }
        let comparisons: Vec<_> =
            args.iter().map(|arg| Ok(arg.cast::<Arg>()?.get().0)).collect::<PyResult<_>>()?;
        let kernel = callgate_scmp_process::kernel();
        let added = self.context.rule_add(action, number, &comparisons, exactness, &kernel);
        added.map_err(error::context)
    }
}

fn context(default: Action) -> PyResult<Context> {
    let made = Context::new(native()?, default, &callgate_scmp_process::kernel());
    made.map_err(|error| PyRuntimeError::new_err(format!("can't make a filter: {error}")))
}

fn native() -> PyResult<callgate_syscalls::Arch> {
    callgate_scmp_process::native().map_err(|error| error::library(&error))
}

fn token(arch: &Bound<'_, PyAny>) -> PyResult<Token> {
    architecture(arch).map(Token::of)
}
