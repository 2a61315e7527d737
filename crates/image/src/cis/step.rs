//! Steps of a build, read from the history.
//!
//! Builders write history in their own ways; these are the same steps:
//!
//! ```text
//!  docker    /bin/sh -c #(nop) COPY file:1a2b in /app      /bin/sh -c apt-get update
//!            |1 VERSION=3 /bin/sh -c make                  (build arguments first)
//!  buildkit  COPY app /app # buildkit                      RUN /bin/sh -c apt-get update # buildkit
//!            RUN |1 VERSION=3 /bin/sh -c make # buildkit
//! ```

use super::shell;
use crate::manifest::Config;

/// One line of the history.
pub(super) struct Step<'a> {
    /// Its place in the history, from 0.
    pub(super) index: usize,
    /// `NAME=value` of the build arguments it was given; values with blanks are cut there.
    pub(super) arguments: Vec<&'a str>,
    /// `RUN`, `ADD`, `COPY`, ...; empty for a line that is no Dockerfile's.
    pub(super) instruction: &'a str,
    /// What follows; of `RUN` the script.
    pub(super) text: &'a str,
}

/// The history of an image, step by step.
pub(super) fn steps(config: &Config) -> impl Iterator<Item = Step<'_>> {
    let lines = config.history.iter().enumerate();
    lines.map(|(index, line)| parse(index, &line.created_by))
}

pub(super) fn parse(index: usize, line: &str) -> Step<'_> {
    let line = line.trim();
    let line = line.strip_suffix("# buildkit").unwrap_or(line).trim_end();
    let step = |instruction, text| Step { index, arguments: Vec::new(), instruction, text };
    let run = |body| {
        let (arguments, text) = script(body);
        Step { arguments, ..step("RUN", text) }
    };
    let line = match line.split_once("#(nop)") {
        Some((shell, instruction)) if shell.ends_with(" -c ") => instruction.trim_start(),
        _ => line,
    };
    let (first, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
    let rest = rest.trim_start();
    match first {
        "RUN" => run(rest),
        "ADD" | "COPY" | "ENV" | "CMD" | "ENTRYPOINT" | "USER" | "WORKDIR" | "EXPOSE" | "VOLUME"
        | "LABEL" => step(first, rest),
        "ARG" => Step { arguments: vec![rest], ..step(first, rest) },
        _ if first.starts_with('|')
            || (first.starts_with('/') && shell::is_shell(shell::base_name(first))) =>
        {
            run(line)
        }
        _ => step("", line),
    }
}

/// Parts `|2 A=b C=d /bin/sh -c SCRIPT` into the arguments and the script.
fn script(body: &str) -> (Vec<&str>, &str) {
    let mut arguments = Vec::new();
    let mut rest = body;
    if body.starts_with('|') {
        while let Some((word, tail)) = next_word(rest) {
            if word.starts_with('/') && shell::is_shell(shell::base_name(word)) {
                break;
            }
            if word.contains('=') {
                arguments.push(word);
            }
            rest = tail;
        }
    }
    // The longest prefix there is: `/bin/bash -e -u -x -o pipefail -c`.
    let mut words = Vec::new();
    let mut tails = Vec::new();
    let mut at = rest;
    while let Some((word, tail)) = next_word(at).filter(|_| words.len() < 10) {
        words.push(word);
        tails.push(at);
        at = tail;
    }
    let starts_shell = words.first().is_some_and(|word| shell::is_shell(shell::base_name(word)));
    let script = shell::script_after_options(&words).filter(|_| starts_shell);
    let text = script.and_then(|at| tails.get(at).copied()).unwrap_or(rest);
    (arguments, text.trim())
}

fn next_word(text: &str) -> Option<(&str, &str)> {
    let text = text.trim_start();
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    (end > 0).then(|| text.split_at(end))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn run(line: &str) -> (Vec<&str>, &str) {
        let step = parse(0, line);
        assert_eq!(step.instruction, "RUN", "{line}");
        (step.arguments, step.text)
    }

    #[test]
    fn every_builder_s_way_of_writing_a_step_is_understood() {
        assert_eq!(run("/bin/sh -c apt-get update"), (vec![], "apt-get update"));
        assert_eq!(run("RUN /bin/sh -c make all # buildkit"), (vec![], "make all"));
        assert_eq!(
            run("RUN |2 A=b T=x y /bin/bash -euxo pipefail -c make  all # buildkit"),
            (vec!["A=b", "T=x"], "make  all")
        );
        assert_eq!(run("|1 SHELL=/bin/bash /bin/sh -c make"), (vec!["SHELL=/bin/bash"], "make"));
        assert_eq!(run("RUN apt-get update # buildkit"), (vec![], "apt-get update"));
        let step = parse(0, "/bin/sh -c #(nop)  ADD file:12 in / ");
        assert_eq!((step.instruction, step.text), ("ADD", "file:12 in /"));
        let step = parse(0, "COPY a b # buildkit");
        assert_eq!((step.instruction, step.text), ("COPY", "a b"));
        assert_eq!(parse(0, "ARG TOKEN=x").arguments, ["TOKEN=x"]);
        assert_eq!(parse(0, "# debian.sh --arch 'amd64' out/").instruction, "");
        assert_eq!(parse(0, "").instruction, "");
    }

    proptest! {
        #[test]
        fn arbitrary_lines_never_panic(line in "(RUN |ADD |\\|1 |/bin/sh -c )?[\\PC\n|&;'\"-]{0,120}") {
            parse(0, &line);
        }
    }
}
