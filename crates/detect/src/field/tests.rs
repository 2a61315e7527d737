use super::*;
use std::fmt::Write as _;

#[test]
fn each_field_is_in_the_table_once() {
    let mut names: Vec<&str> = table::ROWS.iter().map(|row| row.name).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), table::ROWS.len());
    // Those of libs (June 2026), of the container plugin, `evt.abspath.src` and `.dst`, which libs has as one, and our own.
    assert_eq!(names.len(), 232 + 61 + 2 + 3);
}

/// What `docs/fields.md` has to say.
fn page() -> String {
    let mut page = "# Fields of rules\n\n\
        <!-- Written by the test `the_page_of_fields_is_true` of crates/detect; GABION_WRITE_DOCS=1 writes it anew. -->\n\n\
        Rules may name every field of Falco's syscall source and of its container plugin. What is not known is `<NA>`:\n\
        whatever it is compared with, the answer is no. `gabion.previous_uid` is our own: the user before a process last changed\n\
        it, or executed a program; and `gabion.exe_in_image`: whether the program is of the image of its container, with the content it has\n\
        there (`<NA>` where the root of the container is no overlay). `gabion.touches_agent` is whether somebody else signals or traces the\n\
        agent, or changes its files or BPF maps; in a replay, where there is no agent, it is false.\n\n\
        | field | type | in brackets | several values | depends on |\n|---|---|---|---|---|\n"
        .to_owned();
    let told = |row: &&Row| !matches!(row.id, Id::Untold(_));
    for row in table::ROWS.iter().filter(told) {
        let argument = match row.argument {
            ArgumentRule::None => "",
            ArgumentRule::Index => "number",
            ArgumentRule::Either => "number or name",
            ArgumentRule::Required => "number or name, needed",
            ArgumentRule::Key => "name, needed",
            ArgumentRule::Dotted => "`.name` or number, needed",
        };
        let several = match row.shape {
            Shape::One => "",
            Shape::Ancestors => "each ancestor",
            Shape::Ends => "both ends",
            Shape::List => "a list",
        };
        let scope = match row.scope {
            Scope::Kind => "the kind of event",
            Scope::Process => "the process",
            Scope::Event => "the event",
        };
        let kind = row.kind.as_str();
        writeln!(page, "| `{}` | {kind} | {argument} | {several} | {scope} |", row.name).expect("a string");
    }
    page += "\n## Known, but always `<NA>`\n\n| field | type | why |\n|---|---|---|\n";
    for row in table::ROWS {
        if let Id::Untold(why) = row.id {
            writeln!(page, "| `{}` | {} | {why} |", row.name, row.kind.as_str()).expect("a string");
        }
    }
    page += "\n## Where it differs from Falco\n\n\
        - Times are those of UTC (`evt.time`, `evt.datetime`), not of the node's zone.\n\
        - The name of a Unix socket is its path, without the addresses of its ends in the kernel.\n\
        - `fd.name_changed` is true for `connect`, `bind`, and for each call that itself names the other end of a socket that is not\n\
        \x20 connected; Falco says so only if it is another than before.\n\
        - `fd.*ip.name` knows the names that DNS answers on this node led to; Falco asks for the names that rules have.\n\
        - `fd.net in (…)` tries all networks; Falco tries the first.\n\
        - What a container runtime has not told is `<NA>` and not an empty text.\n\
        - `evt.arg.uid` of 0 is `root` also where the accounts of a container are not known; Falco has `<NA>` there.\n\
        - Ports are numbers; names such as `https` are not known.\n";
    page
}

#[test]
fn the_page_of_fields_is_true() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/fields.md");
    if std::env::var_os("GABION_WRITE_DOCS").is_some() {
        std::fs::write(path, page()).expect("the page can be written");
    }
    let written = std::fs::read_to_string(path).expect("docs/fields.md is there");
    assert!(
        written == page(),
        "docs/fields.md is not what the table says; GABION_WRITE_DOCS=1 writes it anew"
    );
}
