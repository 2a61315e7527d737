//! From the linker's names to what advisories call vulnerable: the import path of a package, and a function in it.
//!
//! ```text
//!  golang.org/x/net/http2.(*Framer).ReadFrame-fm   golang.org/x/net/http2   Framer.ReadFrame
//!  gopkg.in/yaml%2ev3.Unmarshal.func1              gopkg.in/yaml.v3         Unmarshal
//!  slices.SortFunc[...]                            slices                   SortFunc
//!  main.run                                        example.com/t/cmd/t      run
//! ```
//!
//! - A closure, and what the compiler wraps around a function, is the function: its code is there.
//! - Type arguments are left out, and so is whether a receiver is a pointer; advisories have neither.
//! - Package `main` has the path that the build information tells. A module that stands for another (`replace`) gives its
//!   name to the packages, as they are reported and looked up under it. Packages of a vendor directory have their own path;
//!   those of the standard library (`vendor/golang.org/x/...`) keep theirs, as they are of its version.
//!
//! A module is told only if that none of its functions has a name proves something: the table must name inlined functions,
//! too (since Go 1.16), and the runtime, without which it is the table of a part of a program.

use super::{functions::NameList, modules::Text};
use gabion_model::symbols::{Symbol, SymbolSet};
use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

/// The functions of a program, with their packages and modules.
pub(super) fn of(names: &NameList, text: &Text<'_>) -> SymbolSet {
    let modules = text.modules();
    let mut paths: HashMap<&str, String> = HashMap::new();
    let mut keys = Vec::new();
    let mut told = HashSet::new();
    for name in names.iter() {
        let Some((package, symbol)) = split(name) else { continue };
        let path = paths.entry(package).or_insert_with(|| {
            let path = if package == "main" { text.path.into() } else { plain(unvendored(package)) };
            let (path, module) = reported(&path, &modules);
            keys.push(Symbol::Package(&path).key());
            told.insert(module);
            path
        });
        if let Some(symbol) = function(symbol) {
            keys.push(Symbol::Function(path, &symbol).key());
        }
    }
    if names.inlined && paths.contains_key("runtime") {
        keys.extend(told.iter().map(|module| Symbol::Module(module).key()));
    }
    SymbolSet::new(keys)
}

/// The import path by which a package is reported, and its module.
fn reported<'a>(path: &str, modules: &[(&str, &'a str)]) -> (String, &'a str) {
    let below =
        |module: &str| path.strip_prefix(module).filter(|rest| rest.is_empty() || rest.starts_with('/'));
    let found = modules.iter().filter_map(|(original, used)| Some((*used, below(original)?)));
    match found.min_by_key(|(_, rest)| rest.len()) {
        Some((used, rest)) => (format!("{used}{rest}"), used),
        None => (path.to_owned(), "stdlib"),
    }
}

/// The path of the package, as the linker escapes it, and what follows; none for what source code cannot name.
fn split(name: &str) -> Option<(&str, &str)> {
    let end = name.find(['[', '(', '{', ' ']).unwrap_or(name.len());
    let last = name[..end].rfind('/').map_or(0, |slash| slash + 1);
    let dot = last + name[last..].find('.')?;
    let (package, symbol) = (&name[..dot], &name[dot + 1..]);
    (dot < end && !["", "go", "type"].contains(&package.trim_end_matches(':'))).then_some((package, symbol))
}

/// `Func` or `Type.Method`; none for what belongs to no function that has a name.
fn function(symbol: &str) -> Option<String> {
    let bare = without_arguments(symbol);
    let mut parts = bare.split('.').map(|part| part.split('-').next().unwrap_or_default());
    let first = parts.next()?;
    let second = parts.next().filter(|part| !is_made(part));
    let receiver = first.strip_prefix("(*").and_then(|part| part.strip_suffix(')'));
    match (receiver, second) {
        (None, None) if is_name(first) => Some(first.to_owned()),
        // A closure of a variable is called `glob..func1`, and so it has no name here.
        (receiver, Some(method)) => {
            let kind = receiver.unwrap_or(first);
            (is_name(kind) && is_name(method)).then(|| format!("{kind}.{method}"))
        }
        _ => None,
    }
}

/// Whether a part of a name is the compiler's: `func1`, `gowrap2`, the 0 of `init.0`.
fn is_made(part: &str) -> bool {
    let kind = part.trim_end_matches(|c: char| c.is_ascii_digit());
    kind.len() < part.len() && ["", "func", "gowrap", "deferwrap"].contains(&kind)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "(){}*/".contains(c))
}

/// A name without what stands in brackets.
fn without_arguments(name: &str) -> Cow<'_, str> {
    if !name.contains('[') {
        return name.into();
    }
    let (mut out, mut depth) = (String::with_capacity(name.len()), 0u32);
    for c in name.chars() {
        match c {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    out.into()
}

/// The path of a package that lies in a vendor directory; the standard library's own begins with `vendor/`.
fn unvendored(path: &str) -> &str {
    path.rfind("/vendor/").map_or(path, |at| &path[at + "/vendor/".len()..])
}

/// A path without the linker's escapes: `%2e` is a dot.
fn plain(path: &str) -> Cow<'_, str> {
    let Some((first, rest)) = path.split_once('%') else { return path.into() };
    let mut out = first.to_owned();
    for part in rest.split('%') {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).filter(u8::is_ascii) {
            Some(byte) => out.extend([char::from(byte).to_string().as_str(), &part[2..]]),
            None => out.extend(["%", part]),
        }
    }
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(name: &str) -> Option<(String, Option<String>)> {
        let (package, symbol) = split(name)?;
        Some((plain(unvendored(package)).into_owned(), function(symbol)))
    }

    #[test]
    fn names_are_read_as_advisories_write_them() {
        for (name, package, symbol) in [
            ("net/http.(*Transport).roundTrip", "net/http", "Transport.roundTrip"),
            ("net/netip.Addr.IsPrivate", "net/netip", "Addr.IsPrivate"),
            ("golang.org/x/net/http2.(*Framer).ReadFrame-fm", "golang.org/x/net/http2", "Framer.ReadFrame"),
            ("gopkg.in/yaml%2ev3.Unmarshal.func1", "gopkg.in/yaml.v3", "Unmarshal"),
            ("gopkg.in/yaml%2ev3.(*Node).Decode.gowrap1", "gopkg.in/yaml.v3", "Node.Decode"),
            ("go.uber.org/zap.New", "go.uber.org/zap", "New"),
            ("slices.SortFunc[...]", "slices", "SortFunc"),
            ("slices.pdqsortCmpFunc[go.shape.struct { a/b.X int }].func2", "slices", "pdqsortCmpFunc"),
            ("sync/atomic.(*Pointer[...]).Load", "sync/atomic", "Pointer.Load"),
            ("example.com/a.List[a/b.C].Len", "example.com/a", "List.Len"),
            ("iter.Pull[...].func2-range1", "iter", "Pull"),
            ("net/http.init.0", "net/http", "init"),
            ("net/http.init.0.func1", "net/http", "init"),
            ("example.com/old/vendor/golang.org/x/net/html.Parse", "golang.org/x/net/html", "Parse"),
            ("vendor/golang.org/x/net/idna.ToASCII", "vendor/golang.org/x/net/idna", "ToASCII"),
            ("main.main", "main", "main"),
        ] {
            assert_eq!(read(name), Some((package.to_owned(), Some(symbol.to_owned()))), "{name}");
        }
        assert_eq!(read("net/http.glob..func1"), Some(("net/http".to_owned(), None)));
        for name in [
            "type:.eq.main.T",
            "type..eq.main.T",
            "go.(*struct { a/b.T }).Lock",
            "go:buildid",
            "_rt0_amd64_linux",
        ] {
            assert_eq!(read(name), None, "{name}");
        }
    }

    #[test]
    fn packages_have_the_name_of_the_module_that_is_reported() {
        let modules = [("example.com/t", "example.com/t"), ("example.com/t/sub", "example.com/fork")];
        assert_eq!(reported("example.com/t/a", &modules), ("example.com/t/a".into(), "example.com/t"));
        assert_eq!(
            reported("example.com/t/sub/a", &modules),
            ("example.com/fork/a".into(), "example.com/fork")
        );
        assert_eq!(reported("example.com/tea", &modules), ("example.com/tea".into(), "stdlib"));
        assert_eq!(reported("net/http", &modules), ("net/http".into(), "stdlib"));
    }

    proptest! {
        #[test]
        fn arbitrary_names_never_panic(name in r"[a-z./%2e\[\]()*\-{} ä]{0,40}") {
            let _ = read(&name);
        }
    }
}
