//! Reads the commands in a build step, as far as the checks need it.
//!
//! This is no shell: nothing is expanded, and redirections are words. It knows quotes, backslashes, comments
//! and what separates one command from the next, so that `echo "apt-get update"` is not mistaken for the
//! real thing, and `sh -c '…'` is looked into.
//!
//! ```text
//!  set -e; DEBIAN_FRONTEND=x apt-get update && curl u | sh
//!  ──┬───  ──────────────────────┬────────    ──┬───   ─┬
//!   set -e                apt-get update       curl u   sh (fed by a pipe)
//! ```

/// One command: a program and its arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Command {
    /// The program as it is written, then its arguments, unquoted.
    pub(super) words: Vec<String>,
    /// Its input is the output of the command before it.
    pub(super) piped: bool,
    /// `sudo` or `doas` runs it.
    pub(super) sudo: bool,
}

impl Command {
    /// The program without its directory.
    pub(super) fn program(&self) -> &str {
        self.words.first().map_or("", |word| base_name(word))
    }

    /// The arguments.
    pub(super) fn args(&self) -> impl Iterator<Item = &str> {
        self.words.iter().skip(1).map(String::as_str)
    }

    /// The arguments that are not options.
    pub(super) fn operands(&self) -> impl Iterator<Item = &str> {
        self.args().filter(|arg| !arg.starts_with('-'))
    }

    /// Whether it has this option, alone (`-k`) or, for one letter, among others (`-fsSLk`).
    pub(super) fn has(&self, option: &str) -> bool {
        let letter = option.strip_prefix('-').filter(|rest| rest.len() == 1 && !rest.starts_with('-'));
        self.args().any(|arg| {
            arg == option
                || letter.is_some_and(|letter| {
                    arg.strip_prefix('-').is_some_and(|rest| {
                        !rest.starts_with('-') && !rest.contains('=') && rest.contains(letter)
                    })
                })
        })
    }

    /// Whether it reads commands.
    pub(super) fn is_shell(&self) -> bool {
        is_shell(self.program())
    }

    /// The script of `sh -c SCRIPT`.
    pub(super) fn script(&self) -> Option<&str> {
        let at = script_after_options(&self.words).filter(|_| self.is_shell())?;
        self.words.get(at).map(String::as_str)
    }
}

/// The last component of a path.
pub(super) fn base_name(word: &str) -> &str {
    word.rsplit('/').next().unwrap_or(word)
}

/// Whether a program of this name reads commands.
pub(super) fn is_shell(program: &str) -> bool {
    matches!(program, "sh" | "bash" | "dash" | "ash" | "zsh" | "ksh" | "mksh" | "fish")
}

/// Which of a shell's words is the script: the first after the options, if `-c` is among them.
///
/// ```text
///  /bin/bash  -euxo  pipefail  -c  SCRIPT
/// ```
pub(super) fn script_after_options<T: AsRef<str>>(words: &[T]) -> Option<usize> {
    let (mut at, mut is_script) = (1, false);
    while let Some(option) = words.get(at).and_then(|word| word.as_ref().strip_prefix('-')) {
        let short = !option.starts_with('-');
        is_script |= short && option.contains('c');
        // `-o` takes the name of an option.
        at += if short && option.contains('o') { 2 } else { 1 };
    }
    is_script.then_some(at)
}

/// `sh -c` within `sh -c` is read this deep.
const MAX_DEPTH: u32 = 3;

/// All commands in a script, in order.
pub(super) fn commands(script: &str) -> Vec<Command> {
    let mut all = Vec::new();
    collect(script, MAX_DEPTH, &mut all);
    all
}

fn collect(script: &str, depth: u32, all: &mut Vec<Command>) {
    for command in split(script) {
        let Some(command) = bare(command) else {
            continue;
        };
        let inner = command.script().filter(|_| depth > 0).map(str::to_owned);
        all.push(command);
        if let Some(inner) = inner {
            collect(&inner, depth - 1, all);
        }
    }
}

/// Without what may stand before the program: keywords, assignments, and programs that run another.
fn bare(mut command: Command) -> Option<Command> {
    let mut start = 0;
    while let Some(word) = command.words.get(start) {
        let skip = match word.as_str() {
            "if" | "then" | "else" | "elif" | "do" | "while" | "until" | "!" | "{" | "}" | "fi" | "done"
            | "exec" | "command" | "time" | "env" | "nice" | "nohup" => true,
            "sudo" | "doas" => {
                command.sudo = true;
                true
            }
            // Options of the programs above, and `NAME=value`.
            word => (start > 0 && word.starts_with('-')) || is_assignment(word),
        };
        if !skip {
            break;
        }
        start += 1;
    }
    command.words.drain(..start);
    (!command.words.is_empty() || command.sudo).then_some(command)
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, _)| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    })
}

/// Cuts a script into commands and words.
fn split(script: &str) -> Vec<Command> {
    let mut commands = Vec::new();
    let mut command = Command::default();
    let mut word: Option<String> = None;
    let mut chars = script.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                // A continued line.
                Some('\n') | None => {}
                Some(c) => word.get_or_insert_default().push(c),
            },
            '\'' => word.get_or_insert_default().extend(chars.by_ref().take_while(|&c| c != '\'')),
            '"' => double_quoted(&mut chars, word.get_or_insert_default()),
            '#' if word.is_none() => while chars.next_if(|&c| c != '\n').is_some() {},
            '&' | '|' | ';' | '(' | ')' | '\n' => {
                // `2>&1` and `&>file` do not end a command.
                let redirection = c == '&'
                    && (word.as_ref().is_some_and(|w| w.ends_with(['>', '<'])) || chars.peek() == Some(&'>'));
                if redirection {
                    word.get_or_insert_default().push(c);
                    continue;
                }
                command.words.extend(word.take());
                let pipe = c == '|' && chars.next_if_eq(&'|').is_none();
                let next = Command { piped: pipe, ..Command::default() };
                // Of an empty command only its pipe matters: `a |\n b`, `a | (b)`.
                if command.words.is_empty() {
                    command.piped |= pipe;
                } else {
                    commands.push(std::mem::replace(&mut command, next));
                }
            }
            c if c.is_whitespace() => command.words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    command.words.extend(word);
    if !command.words.is_empty() {
        commands.push(command);
    }
    commands
}

fn double_quoted(chars: &mut std::iter::Peekable<std::str::Chars<'_>>, word: &mut String) {
    while let Some(c) = chars.next() {
        match c {
            '"' => return,
            '\\' => word.extend(chars.next()),
            c => word.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn brief(script: &str) -> Vec<String> {
        commands(script)
            .iter()
            .map(|c| format!("{}{}", if c.piped { "| " } else { "" }, c.words.join(" ")))
            .collect()
    }

    #[test]
    fn separators_quotes_and_comments() {
        assert_eq!(
            brief("set -e; A=b apt-get update&&echo 'x; y' \"z && \\\"w\\\"\" 2>&1 # no\nls\t-l || true"),
            ["set -e", "apt-get update", "echo x; y z && \"w\" 2>&1", "ls -l", "true"]
        );
        assert_eq!(brief("a \\\n  b"), ["a b"]);
        assert_eq!(brief("curl u |\n bash"), ["curl u", "| bash"]);
        assert_eq!(brief("curl u | (bash)"), ["curl u", "| bash"]);
    }

    #[test]
    fn what_stands_before_the_program_is_skipped_and_inner_shells_are_read() {
        assert_eq!(
            brief("if ! env -i X=1 /usr/bin/apt-get update; then exit 1; fi"),
            ["/usr/bin/apt-get update", "exit 1"]
        );
        assert_eq!(
            brief("bash -ec 'apt-get update; ls'"),
            ["bash -ec apt-get update; ls", "apt-get update", "ls"]
        );
        assert_eq!(brief("bash -o pipefail -c 'ls'"), ["bash -o pipefail -c ls", "ls"]);
        let sudo = commands("sudo -E apt-get update");
        assert!(sudo[0].sudo && sudo[0].program() == "apt-get");
    }

    #[test]
    fn short_options_may_be_joined() {
        let has = |script: &str, option: &str| commands(script)[0].has(option);
        assert!(has("curl -fsSLk u", "-k"));
        assert!(!has("curl --insecure-not u", "-k"));
        assert!(has("curl --insecure u", "--insecure"));
    }

    proptest! {
        #[test]
        fn arbitrary_text_never_panics(text in "[\\PC'\"\\\\|&;()\n -]{0,200}") {
            commands(&text);
        }
    }
}
