//! The conditions of blocks, and of others' groups, are sentences of the language.

use callgate_facts::{Alias, GroupLine, Groups};
use callgate_gate::{File, format};

#[test]
fn conditions_of_groups_are_read() {
    let of_blocks = Groups::all().flat_map(|groups| groups.blocks()).flat_map(|b| b.lines());
    let lines = of_blocks.chain(Alias::all().flat_map(|alias| alias.lines()));
    let mut read = 0;
    for condition in lines.filter_map(GroupLine::condition) {
        let text = format!("policy 1\ndefault errno EPERM\nallow socket where {condition}\n");
        let file = File::parse(&text);
        assert!(file.errors().is_empty(), "{condition}: {:?}", file.errors());
        assert!(format(&file).is_some(), "{condition}");
        read += 1;
    }
    assert!(read > 70, "{read}");
}
