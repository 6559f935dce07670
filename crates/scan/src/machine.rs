//! What matters of an instruction, whatever the machine: where control goes, and what becomes of
//! registers and of the stack.

/// A machine whose code is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Machine {
    X86_64,
    Aarch64,
}

/// A general register by its number in instructions. aarch64's 31 is the stack pointer; its zero
/// register never gets here.
pub(crate) type Reg = u8;

/// The number of registers that are followed.
pub(crate) const REGS: usize = 32;

/// The instruction that enters the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Trap {
    /// `syscall`, `svc`.
    Native,
    /// `int 0x80`: i386's numbers.
    Int80,
}

/// Where control goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flow {
    Next,
    Jump(Target),
    /// Or the next instruction.
    Branch(u64),
    /// And back.
    Call(Target),
    Trap(Trap),
    Return,
    /// Nowhere: the instruction stops the program.
    Stop,
}

/// A target of a jump or call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    At(u64),
    /// The pointer in memory at this address.
    Slot(u64),
    Reg(Reg),
    Unknown,
}

/// A value that an instruction computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expr {
    Const(u64),
    /// A register plus a constant.
    Reg(Reg, i64),
    /// A register's bits under a mask.
    And(Reg, u64),
    /// A register whose lowest byte is a constant.
    LowByte(Reg, u8),
    /// One of two registers, the second plus a constant.
    Either(Reg, Reg, i64),
    /// A register or a constant.
    RegOr(Reg, u64),
    /// One of two constants.
    Pair(u64, u64),
    /// What memory holds at a register plus a constant.
    Load(Reg, i64),
    /// What memory holds at an address.
    LoadAt(u64),
    Unknown,
}

/// What an instruction changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    None,
    /// A register gets a value, of which 32 bits are kept where `narrow` is set.
    Set {
        to: Reg,
        from: Expr,
        narrow: bool,
    },
    /// So many bytes of memory at a register plus a constant get a value.
    Store {
        base: Reg,
        disp: i64,
        from: Expr,
        bytes: u8,
    },
    /// Memory at an address gets a value.
    StoreAt {
        at: u64,
        from: Expr,
    },
}

/// A decoded instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Insn {
    /// Its length in bytes.
    pub(crate) len: u8,
    pub(crate) flow: Flow,
    /// In this order.
    pub(crate) effects: [Effect; 4],
    /// An address that it names: of code, of data, of a pointer to either.
    pub(crate) names: Option<u64>,
    /// Whether it makes the address, and does not only read or write there.
    pub(crate) makes: bool,
    /// A constant that is such an address where those of the program are fixed.
    pub(crate) constant: Option<u64>,
    /// A register that it compares with a constant, for the branch that follows.
    pub(crate) compares: Option<(Reg, u64)>,
    /// For branches: whether they are taken where what was compared is equal.
    pub(crate) taken_if_equal: Option<bool>,
}

impl Insn {
    pub(crate) const fn plain(len: u8) -> Self {
        Self {
            len,
            flow: Flow::Next,
            effects: [Effect::None; 4],
            names: None,
            makes: false,
            constant: None,
            compares: None,
            taken_if_equal: None,
        }
    }

    /// Adds an effect.
    pub(crate) fn with(mut self, effect: Effect) -> Self {
        if let Some(free) = self.effects.iter_mut().find(|place| **place == Effect::None) {
            *free = effect;
        }
        self
    }

    pub(crate) fn sets(self, to: Reg, from: Expr) -> Self {
        self.with(Effect::Set { to, from, narrow: false })
    }

    pub(crate) fn flows(mut self, flow: Flow) -> Self {
        self.flow = flow;
        self
    }
}

impl Machine {
    pub(crate) const fn stack_pointer(self) -> Reg {
        match self {
            Self::X86_64 => 4,
            Self::Aarch64 => 31,
        }
    }

    /// The register of the number at a trap.
    pub(crate) const fn number(self) -> Reg {
        match self {
            Self::X86_64 => 0,
            Self::Aarch64 => 8,
        }
    }

    /// The registers of arguments, in their order.
    pub(crate) const fn arguments(self) -> [Reg; 6] {
        match self {
            Self::X86_64 => [7, 6, 2, 1, 8, 9],
            Self::Aarch64 => [0, 1, 2, 3, 4, 5],
        }
    }

    /// Whether functions leave a register as it was.
    pub(crate) const fn is_preserved(self, register: Reg) -> bool {
        match self {
            Self::X86_64 => matches!(register, 3 | 4 | 5 | 12..=15),
            Self::Aarch64 => matches!(register, 19..=29 | 31),
        }
    }

    /// The registers that the kernel changes.
    pub(crate) const fn changed_by_kernel(self) -> &'static [Reg] {
        match self {
            Self::X86_64 => &[0, 1, 11],
            Self::Aarch64 => &[0],
        }
    }

    /// How many bytes a call pushes.
    pub(crate) const fn pushed_by_call(self) -> i64 {
        match self {
            Self::X86_64 => 8,
            Self::Aarch64 => 0,
        }
    }
}
