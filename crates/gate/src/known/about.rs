//! What may be meant by the name of a block that there is not.

use callgate_facts::{Alias, Groups};
use callgate_syscalls::Name;

/// How many names are worth reading.
const SHOWN_MAX: usize = 5;

/// What to do instead of using this name, where something is known about it.
pub(crate) fn unknown_block(name: &str) -> Option<String> {
    if Name::parse(name).is_some() {
        return Some(format!("`{name}` is a syscall: `allow {name}`"));
    }
    if Groups::LATEST.family(name).is_some() {
        return Some(format!("`{name}` is a family: `allow ~{name}`"));
    }
    let blocks = blocks_about(name);
    let list: Vec<String> = blocks.iter().map(|block| format!("`@{block}`")).collect();
    let (last, others) = list.split_last()?;
    Some(match others {
        [] => format!("about this is {last}"),
        _ => format!("about this are {} and {last}", others.join(", ")),
    })
}

/// Another's set of that name, as `callgate groups` takes it; of several the newest.
pub(crate) fn others_set(name: &str) -> Option<String> {
    let is_same = |set: &Alias| set.name().trim_start_matches('@') == name;
    Alias::all().filter(is_same).last().map(|set| format!("{}:{}", set.source(), set.name()))
}

/// The blocks and roles that a word may be about: those with a part of their name like it, the
/// same words first, and those with a risk of that name; where there are none, those whose purpose
/// has the word.
fn blocks_about(word: &str) -> Vec<&'static str> {
    let groups = Groups::LATEST;
    let lower = word.to_ascii_lowercase();
    let asked: Vec<&str> = words(&lower).collect();
    let is_same = |name: &str| words(name).any(|part| asked.contains(&part));
    let is_like = |text: &str| words(text).any(|part| asked.iter().any(|word| alike(word, part)));
    let names = || super::block_names();
    let mut found: Vec<&str> = names().filter(|name| is_same(name)).collect();
    found.extend(names().filter(|name| is_like(name)));
    let risky = groups.blocks().filter(|block| block.risks().iter().any(|r| r.name() == lower));
    found.extend(risky.map(callgate_facts::Block::name));
    if found.is_empty() {
        let of_blocks = groups.blocks().map(|block| (block.name(), block.purpose()));
        let all = of_blocks.chain(groups.roles().map(|role| (role.name(), role.purpose())));
        found.extend(all.filter(|(_, purpose)| is_like(purpose)).map(|(name, _)| name));
    }
    let mut seen = std::collections::BTreeSet::new();
    found.retain(|name| seen.insert(*name));
    found.truncate(SHOWN_MAX);
    found
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() > 2)
}

/// Whether one of the words is the other's beginning.
fn alike(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_to_blocks() {
        for (word, expected) in [
            ("network", "net-client"),
            ("network", "sockets.inet"),
            ("networking", "net-client"),
            ("net", "net-client"),
            ("sockets", "sockets.unix"),
            ("socket", "sockets.unix"),
            ("files", "files.read"),
            ("filesystem", "files.read"),
            ("server", "net-server"),
            ("client", "net-client"),
            ("database", "db-server"),
            ("desktop", "desktop-app"),
            ("shell", "agent-shell"),
            ("container", "container-default"),
            ("docker", ""),
            ("process", "process.self"),
            ("clock", "clock.read"),
            ("x", ""),
            ("", ""),
        ] {
            let found = blocks_about(word);
            match expected {
                "" => assert_eq!(found, [""; 0], "{word}"),
                _ => assert!(found.contains(&expected), "{word}: {found:?}"),
            }
        }
    }

    #[test]
    fn other_names_are_told_apart() {
        let told = |name| unknown_block(name).unwrap();
        assert_eq!(told("read"), "`read` is a syscall: `allow read`");
        assert_eq!(told("stat"), "`stat` is a syscall: `allow stat`");
        assert_eq!(told("socket-use"), "`socket-use` is a family: `allow ~socket-use`");
        assert_eq!(told("desktop"), "about this is `@desktop-app`");
        assert_eq!(others_set("network-io").as_deref(), Some("systemd-257:@network-io"));
        assert_eq!(others_set("stdio").as_deref(), Some("openbsd-pledge:stdio"));
        assert_eq!(others_set("frobnicate"), None);
    }
}
