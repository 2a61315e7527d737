//! `gabion replay`: what was recorded is shown, judged by rules, or written as a recording of Gabion's own.
//!
//! All three are one pass over the recording. A filter and the lines of `--events` are rules, too: one that is made of the
//! condition and one that is made of the output, so they know the fields and words that rules know. The output depends on the
//! recording and the rules alone.

use crate::{
    alert::{self, AlertFormat},
    output, rules,
};
use anyhow::{Context, anyhow};
use clap::Args;
use gabion_detect::{
    alert::Alert,
    engine::{Engine, Matching},
    recording::{self, Caps, Source, own::Writer},
    replay::{Take, each},
    state::{Limits, State},
};
use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

/// What a line of `--events` says.
pub(crate) const LINE: &str =
    "%evt.num %evt.time.iso8601 %evt.cpu %proc.name (%thread.tid) %evt.type %evt.args";

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("what").required(true))]
pub(crate) struct ReplayArgs {
    /// The recording: a .scap file of Falco or sysdig, or one of Gabion, compressed or not
    file: PathBuf,
    /// Judge the events by the rules of these files, in the order in which they change each other, or of directories of them; without
    /// any, by Gabion's own
    #[arg(short, long, num_args = 0.., value_name = "FILE", group = "what")]
    rules: Vec<PathBuf>,
    /// Judge by Gabion's own rules, too, which come before those of the files, as on an agent
    #[arg(long, requires = "rules", conflicts_with_all = ["events", "convert"])]
    own: bool,
    /// Print the events
    #[arg(short, long, group = "what")]
    events: bool,
    /// Write a recording in Gabion's own format, all events of it
    #[arg(long, value_name = "OUT", group = "what", conflicts_with_all = ["filter", "rules", "events"])]
    convert: Option<PathBuf>,
    /// Take only events for which this is true, written as the condition of a rule
    #[arg(long, value_name = "CONDITION")]
    filter: Option<String>,
    /// What to print of an event, written as the output of a rule
    #[arg(short, long, value_name = "OUTPUT", default_value = LINE, requires = "events", conflicts_with = "format")]
    print: String,
    /// Tell all rules that match an event, not only the first
    #[arg(long, requires = "rules")]
    all: bool,
    /// Format of alerts
    #[arg(short, long, value_enum, default_value = "text", requires = "rules")]
    format: AlertFormat,
}

pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    let told = || format!("cannot read {}", output::printable(&args.file.display().to_string()));
    let file = File::open(&args.file).with_context(told)?;
    let mut source = recording::open(file, Caps::WIDE).with_context(told)?;
    let replayed = match &args.convert {
        Some(path) => convert(&mut *source, path)?,
        None => judge(&mut *source, args)?,
    };
    let gaps = source.gaps().to_string();
    if !gaps.is_empty() {
        output::note(gaps.trim_end());
    }
    replayed.with_context(told)?;
    Ok(ExitCode::SUCCESS)
}

/// What the recording itself came to: an error leaves what was read before it.
type Replayed = Result<(), recording::RecordingError>;

/// Prints events or alerts.
fn judge(source: &mut dyn Source, args: &ReplayArgs) -> anyhow::Result<Replayed> {
    let always = || "evt.num > 0".to_owned();
    let mut filter = match &args.filter {
        Some(condition) => Some(rules::single("the filter", condition, "%evt.num")?),
        None => None,
    };
    let mut engine = if args.events {
        // The filter is the condition: one pass does both.
        filter = None;
        rules::single("the filter or the output", &args.filter.clone().unwrap_or_else(always), &args.print)?
    } else {
        let loaded = rules::for_agent(&args.rules, args.own || args.rules.is_empty(), None)?;
        let matching = if args.all { Matching::All } else { Matching::First };
        Engine::new(&loaded.rules, matching).map_err(|error| anyhow!(error))?
    };
    let mut replayed = Ok(());
    let mut events = 0_u64;
    let mut alerts = 0_u64;
    output::stream(|out| {
        let mut matched = Vec::new();
        replayed = pass(source, &mut |event, state, slot| {
            events += 1;
            if filter.as_mut().is_some_and(|filter| filter.judge(event, state, slot).is_empty()) {
                return Ok(());
            }
            matched.clear();
            matched.extend_from_slice(engine.judge(event, state, slot));
            for &rule in &matched {
                alerts += 1;
                let alert = engine.alert(rule, event, state, slot);
                write_alert(out, &alert, args)?;
            }
            Ok(())
        })?;
        Ok(())
    })?;
    if !args.events {
        let (events, alerts) =
            (gabion_report::text::count(events, "event"), gabion_report::text::count(alerts, "alert"));
        output::note(&format!("{events}, {alerts}"));
        let uncounted = engine.counters().uncounted;
        if uncounted > 0 {
            output::note(&format!("{uncounted} counts of rules thrown out: too many at once"));
        }
    }
    Ok(replayed)
}

fn write_alert(out: &mut dyn Write, alert: &Alert, args: &ReplayArgs) -> io::Result<()> {
    if args.events {
        return writeln!(out, "{}", output::printable(&String::from_utf8_lossy(&alert.message)));
    }
    writeln!(out, "{}", alert::line(alert, args.format))
}

/// All events, however large: this machine is whoever's who asks.
fn pass(source: &mut dyn Source, take: &mut Take<'_, io::Error>) -> io::Result<Replayed> {
    let mut state = State::new(Limits::default(), &source.node().name, source.node().boot);
    each(source, &mut state, usize::MAX, take).map(|pass| pass.read)
}

/// Writes the recording as one of Gabion's own, which appears whole or not at all.
fn convert(source: &mut dyn Source, path: &Path) -> anyhow::Result<Replayed> {
    let told = || format!("cannot write {}", output::printable(&path.display().to_string()));
    let mut name = path.file_name().with_context(told)?.to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    let converted = File::create(&temporary)
        .and_then(|file| write_own(source, BufWriter::new(file)))
        .and_then(|converted| std::fs::rename(&temporary, path).map(|()| converted));
    converted.inspect_err(|_| drop(std::fs::remove_file(&temporary))).with_context(told)
}

fn write_own(source: &mut dyn Source, out: impl Write) -> io::Result<Replayed> {
    let node = source.node().clone();
    let mut out = Some(out);
    let mut writer = None;
    let replayed = pass(source, &mut |event, state, _| {
        if let Some(out) = out.take() {
            // Who was found running is known by now: the first checkpoint tells them.
            writer = Some(Writer::new(out, &node, state, event.time)?);
        }
        writer.as_mut().map_or(Ok(()), |writer| writer.write(event, state))
    })?;
    if let Some(out) = out {
        let state = State::new(Limits::default(), &node.name, node.boot);
        writer = Some(Writer::new(out, &node, &state, 0)?);
    }
    if let Some(writer) = writer {
        let written = writer.written();
        writer.finish()?;
        output::note(&format!(
            "{}, {} bytes each before compression",
            gabion_report::text::count(written.events, "event"),
            written.plain.checked_div(written.events).unwrap_or_default()
        ));
    }
    Ok(replayed)
}
