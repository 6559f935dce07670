//! The class `Arch`.

use callgate_scmp::Token;
use callgate_syscalls::Arch as Known;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::error;
use crate::number;

/// An architecture, by its token or its name.
#[pyclass(module = "seccomp", frozen, eq, hash)]
#[derive(Debug, PartialEq, Eq, Hash)]
pub(crate) struct Arch(Token);

/// The tokens as class attributes.
macro_rules! tokens {
    ($($name:ident = $arch:expr;)*) => {
        #[pymethods]
        #[expect(non_snake_case, reason = "the names of libseccomp's binding")]
        impl Arch {
            #[classattr]
            fn NATIVE() -> u32 {
                Token::NATIVE.raw()
            }

            $(
                #[classattr]
                fn $name() -> u32 {
                    Token::of($arch).raw()
                }
            )*

            #[new]
            #[pyo3(signature = (arch = None))]
            fn new(arch: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
                let native = || callgate_scmp_process::native().map_err(|e| error::library(&e));
                Ok(Self(Token::of(arch.map_or_else(native, architecture)?)))
            }

            /// The token, as a signed number.
            fn __int__(&self) -> i32 {
                i32::from_ne_bytes(self.0.raw().to_ne_bytes())
            }

            fn __repr__(&self) -> PyResult<String> {
                Ok(format!("seccomp.Arch({:?})", known(self.0)?.to_string()))
            }
        }
    };
}

tokens! {
    X86 = Known::X86;
    X86_64 = Known::X86_64;
    X32 = Known::X32;
    ARM = Known::Arm;
    AARCH64 = Known::Aarch64;
    LOONGARCH64 = Known::Loongarch64;
    M68K = Known::M68k;
    MIPS = Known::Mips;
    MIPS64 = Known::Mips64;
    MIPS64N32 = Known::Mips64n32;
    MIPSEL = Known::Mipsel;
    MIPSEL64 = Known::Mipsel64;
    MIPSEL64N32 = Known::Mipsel64n32;
    PARISC = Known::Parisc;
    PARISC64 = Known::Parisc64;
    PPC = Known::Ppc;
    PPC64 = Known::Ppc64;
    PPC64LE = Known::Ppc64le;
    RISCV64 = Known::Riscv64;
    S390 = Known::S390;
    S390X = Known::S390x;
    SH = Known::Sh;
    SHEB = Known::Sheb;
}

/// The architecture that a value stands for: an `Arch`, a token, or a name.
pub(crate) fn architecture(value: &Bound<'_, PyAny>) -> PyResult<Known> {
    if let Ok(arch) = value.cast::<Arch>() {
        return known(arch.get().0);
    }
    if let Some(name) = number::text(value)? {
        let token = Token::resolve_name(&name);
        return known(token.ok_or_else(|| {
            PyValueError::new_err(format!("no architecture is called {name:?}"))
        })?);
    }
    let Ok(raw) = value.extract::<i64>() else {
        return Err(PyTypeError::new_err("an architecture is an Arch, a token or a name"));
    };
    known(Token::new(number::word(raw, "a token")?))
}

fn known(token: Token) -> PyResult<Known> {
    let native = callgate_scmp_process::native().map_err(|error| error::library(&error))?;
    token.arch(native).map_err(|error| PyValueError::new_err(error.to_string()))
}
