//! Whether what is vulnerable is in the programs that a module was found in.
//!
//! Three answers, and for several programs the worst of them:
//!
//! - `present`: the program holds one of the functions at least. Whether it is ever called nobody knows.
//! - `absent`: the program names all of its functions, some of this module among them, and none of those.
//! - `unknown`: anything else. No table of functions, an unreadable one, one that leaves out inlined functions, one of which
//!   the module's names were taken away; a package that no program was read for, as in an SBOM.

use crate::record::Import;
use gabion_model::{ScanReport, symbols::Symbol, vulnerability::Symbols};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is asked of programs: import paths and functions; of a path without functions all are vulnerable.
pub(super) type Asked<'a> = BTreeMap<&'a str, BTreeSet<&'a str>>;

/// All that advisories about one vulnerability name.
pub(super) fn asked<'a>(imports: impl Iterator<Item = &'a Import>) -> Asked<'a> {
    let mut asked = Asked::new();
    for import in imports {
        asked.entry(&import.path).or_default().extend(import.symbols.iter().map(String::as_str));
    }
    asked
}

/// The functions of programs, unpacked when they are asked about first.
pub(super) struct Unpacked<'a> {
    pub(super) report: &'a ScanReport,
    keys: HashMap<&'a str, Vec<u64>>,
}

impl<'a> Unpacked<'a> {
    pub(super) fn new(report: &'a ScanReport) -> Self {
        Self { report, keys: HashMap::new() }
    }

    /// What the program at `path` says; none if no advisory names what is vulnerable.
    pub(super) fn symbols(&mut self, path: &str, module: &str, asked: &Asked<'_>) -> Option<Symbols> {
        if asked.is_empty() {
            return None;
        }
        let Some((path, set)) = self.report.programs.get_key_value(path) else {
            return Some(Symbols::Unknown);
        };
        let keys = self.keys.entry(path).or_insert_with(|| set.keys());
        let holds = |symbol: Symbol<'_>| keys.binary_search(&symbol.key()).is_ok();
        let (mut present, mut all) = (Vec::new(), Vec::new());
        for (path, functions) in asked {
            if functions.is_empty() {
                all.push((*path).to_owned());
                present.extend(holds(Symbol::Package(path)).then(|| (*path).to_owned()));
            }
            for function in functions {
                let name = format!("{path}.{function}");
                present.extend(holds(Symbol::Function(path, function)).then(|| name.clone()));
                all.push(name);
            }
        }
        Some(if !present.is_empty() {
            Symbols::Present(present)
        } else if holds(Symbol::Module(module)) {
            Symbols::Absent(all)
        } else {
            Symbols::Unknown
        })
    }
}

/// What several programs say together.
pub(super) fn together<'a>(each: impl Iterator<Item = &'a Symbols>) -> Option<Symbols> {
    each.cloned().reduce(|one, other| match (one, other) {
        (Symbols::Present(mut names), Symbols::Present(others)) => {
            names.extend(others);
            names.sort();
            names.dedup();
            Symbols::Present(names)
        }
        (present @ Symbols::Present(_), _) | (_, present @ Symbols::Present(_)) => present,
        (Symbols::Unknown, _) | (_, Symbols::Unknown) => Symbols::Unknown,
        (absent @ Symbols::Absent(_), Symbols::Absent(_)) => absent,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluate::{
        evaluate,
        tests::{database, now, osv, package, report},
    };
    use gabion_model::{PackageKind, symbols::SymbolSet};

    const HTML: &str = "golang.org/x/net/html";

    fn set(symbols: &[Symbol<'_>]) -> SymbolSet {
        SymbolSet::new(symbols.iter().map(|symbol| symbol.key()).collect())
    }

    /// What is told of a package in these programs; `imports` of an advisory.
    fn told(programs: &[Option<SymbolSet>], imports: &str) -> Option<Symbols> {
        let record = osv("GO-2024-1", "Go", "golang.org/x/net", "0.2.0", "");
        let imports = format!(r#""ecosystem_specific":{{"imports":[{imports}]}},"ranges""#);
        let (_dir, database) = database(&[&record.replace(r#""ranges""#, &imports)], &[]);
        let mut package = package(PackageKind::Golang, "golang.org/x/net", "v0.1.0");
        package.locations.clear();
        let mut report = report(None, vec![]);
        for (number, program) in programs.iter().enumerate() {
            let path = format!("bin/{number}");
            package.locations.push(gabion_model::Location { path: path.clone(), layer: None });
            report.programs.extend(program.clone().map(|set| (path, set)));
        }
        report.packages.push(package);
        evaluate(&mut report, &database, now()).expect("evaluates");
        assert_eq!(report.findings.len(), 1, "nothing is hidden");
        report.findings.remove(0).vulnerability.expect("one").symbols
    }

    fn parse() -> Symbols {
        Symbols::Absent(vec![format!("{HTML}.Parse"), format!("{HTML}.Render")])
    }

    #[test]
    fn absent_is_said_only_of_a_program_that_names_functions_of_the_module() {
        let imports = r#"{"path":"golang.org/x/net/html","symbols":["Parse","Render"]}"#;
        let module = Symbol::Module("golang.org/x/net");
        let has = set(&[module, Symbol::Function(HTML, "Render"), Symbol::Package(HTML)]);
        let lacks = set(&[module, Symbol::Function(HTML, "Escape"), Symbol::Package(HTML)]);
        let other = set(&[Symbol::Module("stdlib"), Symbol::Function("fmt", "Println")]);
        let present = Some(Symbols::Present(vec![format!("{HTML}.Render")]));
        for (programs, expected) in [
            (vec![Some(has.clone())], present.clone()),
            (vec![Some(lacks.clone())], Some(parse())),
            (vec![Some(other.clone())], Some(Symbols::Unknown)),
            (vec![None], Some(Symbols::Unknown)),
            (vec![Some(SymbolSet::default())], Some(Symbols::Unknown)),
            (vec![Some(lacks.clone()), Some(lacks.clone())], Some(parse())),
            (vec![Some(lacks.clone()), Some(other), None], Some(Symbols::Unknown)),
            (vec![None, Some(lacks), Some(has)], present),
        ] {
            assert_eq!(told(&programs, imports), expected, "{programs:?}");
        }
    }

    #[test]
    fn a_package_without_functions_is_vulnerable_as_a_whole_and_an_advisory_without_packages_says_nothing() {
        let module = Symbol::Module("golang.org/x/net");
        let whole = r#"{"path":"golang.org/x/net/html"}"#;
        let linked = set(&[module, Symbol::Package(HTML)]);
        assert_eq!(told(&[Some(linked.clone())], whole), Some(Symbols::Present(vec![HTML.to_owned()])));
        assert_eq!(told(&[Some(set(&[module]))], whole), Some(Symbols::Absent(vec![HTML.to_owned()])));
        assert_eq!(told(&[Some(linked)], ""), None);
    }
}
