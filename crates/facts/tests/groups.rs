//! What the groups hold, and that they hold together on every architecture.

use std::collections::{BTreeMap, BTreeSet};

use callgate_facts::{Alias, Allowance, Block, Constant, GroupLine, GroupMember, Groups, Stance};
use callgate_syscalls::{Arch, Name, names};

/// The architectures that people run.
const ARCHES: [Arch; 9] = [
    Arch::X86_64,
    Arch::X86,
    Arch::Aarch64,
    Arch::Arm,
    Arch::Riscv64,
    Arch::Loongarch64,
    Arch::S390x,
    Arch::Ppc64,
    Arch::Mips,
];

#[test]
fn there_are_families_blocks_and_roles() {
    let groups = Groups::LATEST;
    assert_eq!(groups.version(), "2026.11");
    assert_eq!(Groups::parse("2026.11"), Some(groups));
    assert_eq!(Groups::parse("2026.1"), None);
    let count = (groups.families().count(), groups.blocks().count(), groups.roles().count());
    assert_eq!(count, (91, 68, 8));
    for block in groups.blocks() {
        assert_eq!(groups.block(block.name()), Some(block));
        assert_eq!(block.groups(), groups);
        assert!(!block.purpose().is_empty());
    }
    for role in groups.roles() {
        assert_eq!(groups.role(role.name()), Some(role));
        let blocks: BTreeSet<Block> = role.blocks().collect();
        assert_eq!(blocks.len(), role.blocks().count(), "{role} lists a block twice");
        assert!(blocks.len() > 10, "{role}");
    }
}

/// Each syscall belongs to one family at most, and without a family to exactly one intent.
#[test]
fn every_syscall_belongs_to_a_family_or_to_one_intent() {
    let groups = Groups::LATEST;
    let mut families: BTreeMap<Name, usize> = BTreeMap::new();
    for member in groups.families().flat_map(|family| family.members()) {
        *families.entry(member).or_default() += 1;
    }
    assert!(families.values().all(|count| *count == 1), "{families:?}");
    for arch in Arch::ALL {
        let mut intents: BTreeMap<Name, Vec<Block>> = BTreeMap::new();
        for block in groups.blocks().filter(|block| block.is_intent()) {
            for (syscall, line) in block.members(arch) {
                if line.stance() == Stance::Allow {
                    intents.entry(syscall).or_default().push(block);
                }
            }
        }
        let mut alone = 0;
        for syscall in arch.syscalls().map(|syscall| syscall.name) {
            let intents = intents.get(&syscall).map_or(&[][..], Vec::as_slice);
            assert!(!intents.is_empty(), "{syscall} on {arch} belongs to no intent");
            if !families.contains_key(&syscall) && !shared(syscall) {
                assert_eq!(intents.len(), 1, "{syscall} on {arch}: {intents:?}");
                alone += 1;
            }
        }
        assert!(alone > 20, "{alone} alone on {arch}");
    }
}

/// Calls whose selector decides what they do: several intents take a part of each.
fn shared(syscall: Name) -> bool {
    [names::IOCTL, names::PRCTL, names::SOCKETCALL, names::IPC].contains(&syscall)
        // Memory is returned however it was got.
        || [names::MUNMAP, names::MREMAP].contains(&syscall)
}

/// What a block says of the members of a family differs only where it says why.
#[test]
fn a_block_treats_a_family_alike_or_says_why() {
    let groups = Groups::LATEST;
    let mut checked = 0;
    for block in groups.blocks() {
        for family in groups.families() {
            for arch in ARCHES {
                let lines: Vec<Option<GroupLine>> =
                    family.members_on(arch).map(|member| block.line(member, arch)).collect();
                if lines.iter().all(Option::is_none) {
                    continue;
                }
                checked += 1;
                let meaning =
                    |line: &Option<GroupLine>| line.map(|line| (line.stance(), line.condition()));
                let different: BTreeSet<_> = lines.iter().map(meaning).collect();
                let said = || lines.iter().flatten().any(|line| line.reason().is_some());
                assert!(
                    different.len() == 1 || said(),
                    "{block} on {arch} treats {family} in several ways: {different:?}"
                );
                // Nothing is left out in silence.
                let silent = lines.iter().any(Option::is_none);
                let first = family.members_on(arch).find(|m| block.line(*m, arch).is_none());
                assert!(!silent, "{block} on {arch} says nothing of {first:?} of {family}");
            }
        }
    }
    assert!(checked > 1_000, "{checked}");
}

/// Each line holds for something on each architecture that it names, and its condition can be read
/// there.
#[test]
fn conditions_name_arguments_and_constants_of_their_architectures() {
    let mut conditions = 0;
    for block in Groups::LATEST.blocks() {
        for line in block.lines() {
            let mut used = false;
            for arch in Arch::ALL.into_iter().filter(|arch| line.is_on(*arch)) {
                for (syscall, found) in block.members(arch) {
                    if found == line {
                        used = true;
                        conditions += 1;
                        check_condition(line.condition().unwrap_or_default(), syscall, arch);
                    }
                }
                used |= line.stance() == Stance::Leave;
            }
            assert!(used, "{block}: {:?} is nowhere", line.member());
        }
    }
    assert!(conditions > 1_000);
    for alias in Alias::all() {
        for line in alias.lines() {
            if let (GroupMember::Syscall(syscall), Some(condition)) =
                (line.member(), line.condition())
            {
                check_condition(condition, syscall, Arch::X86_64);
            }
        }
    }
}

/// The language's own words in conditions.
const WORDS: [&str; 9] = ["and", "or", "not", "in", "has", "any", "none", "only", "NULL"];

fn check_condition(condition: &str, syscall: Name, arch: Arch) {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    for word in condition.split(|c: char| !is_word(c)).filter(|word| !word.is_empty()) {
        if WORDS.contains(&word) || word.starts_with(|c: char| c.is_ascii_digit()) {
            continue;
        }
        if word.chars().any(|c| c.is_ascii_lowercase()) {
            let signature = arch.signature(syscall).expect("a signature");
            let known = signature.arguments().any(|argument| argument.name == word);
            assert!(known, "{syscall} on {arch} has no {word}: {condition}");
        } else {
            let constant = Constant::parse(word).ok_or(word).expect("a constant");
            assert!(constant.on(arch).is_some(), "{constant} is not on {arch}: {condition}");
        }
    }
}

#[test]
fn risks_and_kernels_are_known() {
    let groups = Groups::LATEST;
    let block = |name| groups.block(name).expect("a block");
    let since = |name, arch| block(name).since(arch).map(|since| since.to_string());
    assert_eq!(since("io-uring", Arch::X86_64).as_deref(), Some("5.1"));
    assert_eq!(since("sandbox-self", Arch::Riscv64).as_deref(), Some("4.15"));
    assert_eq!(since("mount.read", Arch::X86_64).as_deref(), Some("6.8"));
    assert_eq!(since("raw-io", Arch::Aarch64), None);
    assert!(block("files.read").risks().is_empty());
    assert_eq!(block("io-uring").risks().len(), 2);
}

/// No block that a role of ordinary programs has allows what makes others suffer.
#[test]
fn roles_keep_away_from_the_kernel() {
    for role in Groups::LATEST.roles() {
        for block in role.blocks() {
            for risk in block.risks() {
                let far = ["kernel", "bypass", "escape", "system-state"];
                assert!(!far.contains(&risk.name()), "{role} has {block} with {risk}");
            }
        }
    }
}

/// What any block allows is allowed, and `ENOSYS` is the answer only where none does.
#[test]
fn blocks_add_up() {
    let groups = Groups::LATEST;
    let of = |blocks: &[&str], syscall| {
        let blocks: Vec<Block> = blocks.iter().filter_map(|name| groups.block(name)).collect();
        Allowance::of(&blocks, syscall, Arch::X86_64)
    };
    assert_eq!(of(&["files.read"], names::OPENAT2), Some(Allowance::Enosys));
    assert_eq!(of(&["files.read", "files.any"], names::OPENAT2), Some(Allowance::Always));
    assert_eq!(of(&["files.read"], names::CREAT), None);
    assert_eq!(of(&["files.read"], names::SOCKET), None);
    let unix = "family == AF_UNIX";
    let route = "family == AF_NETLINK and protocol == NETLINK_ROUTE";
    let both = of(&["sockets.unix", "sockets.netlink-route"], names::SOCKET);
    assert_eq!(both, Some(Allowance::If(vec![unix, route])));
    assert_eq!(of(&["sockets.unix", "sockets.any"], names::SOCKET), Some(Allowance::Always));
    for role in groups.roles() {
        let blocks: Vec<Block> = role.blocks().collect();
        let open = Allowance::of(&blocks, names::OPENAT, Arch::X86_64);
        assert!(matches!(open, Some(Allowance::Always | Allowance::If(_))), "{role}: {open:?}");
    }
}

#[test]
fn others_groups_are_what_they_are_there() {
    let size = |source, name| Alias::parse(source, name).map(|set| set.lines().count());
    for (source, name, members) in [
        ("systemd-252", "@default", 63),
        ("systemd-252", "@file-system", 77),
        ("systemd-252", "@privileged", 31),
        ("systemd-252", "@system-service", 61),
        ("systemd-252", "@known", 515),
        ("systemd-257", "@default", 67),
        ("systemd-257", "@sandbox", 4),
        ("systemd-257", "@file-system", 87),
        ("systemd-257", "@known", 535),
        ("openbsd-pledge", "stdio", 111),
        ("openbsd-pledge", "inet", 11),
    ] {
        assert_eq!(size(source, name), Some(members), "{name} of {source}");
    }
    let service = Alias::parse("systemd-252", "@system-service").expect("a set").syscalls();
    let here = service.iter().filter(|name| Arch::X86_64.syscall(**name).is_some()).count();
    assert_eq!(here, 299);
}

/// A published version never changes. If this fails, make a new version instead of changing the old
/// one.
#[test]
fn a_published_version_never_changes() {
    let hashes: BTreeMap<&str, u64> =
        Groups::all().map(|groups| (groups.version(), hash(&written(groups)))).collect();
    assert_eq!(hashes, BTreeMap::from([("2026.11", 0x760aeada6b85dd6c)]));
}

/// All that a version says.
fn written(groups: Groups) -> String {
    let mut text = String::new();
    for family in groups.families() {
        let members: Vec<_> = family.members().map(|m| (m.as_str(), family.note(m))).collect();
        text += &format!("{family} {members:?}\n");
    }
    for block in groups.blocks() {
        text += &format!("{block} {} {:?} {}\n", block.is_intent(), block.risks(), block.purpose());
        for line in block.lines() {
            let arches: Vec<&str> =
                Arch::ALL.into_iter().filter(|arch| line.is_on(*arch)).map(Arch::name).collect();
            text += &format!(
                " {:?} {:?} {arches:?} {:?} {:?}\n",
                line.stance(),
                line.member(),
                line.condition(),
                line.reason()
            );
        }
    }
    for role in groups.roles() {
        text += &format!("{role} {} {:?}\n", role.purpose(), role.blocks().collect::<Vec<_>>());
    }
    text
}

/// FNV-1a.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
