//! Where alerts go: standard output, files, Unix sockets. One that cannot take an alert loses it, and that is counted.

use crate::{
    alert::{self, AlertFormat},
    output,
};
use anyhow::{Context, bail};
use clap::ValueEnum;
use gabion_detect::alert::Alert;
use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

/// A peer that does not read is not waited for longer than this.
const PATIENCE: Duration = Duration::from_millis(200);

/// `FORMAT=FILE` or `FORMAT=unix:PATH`.
#[derive(Clone, Debug)]
pub(super) struct Output {
    format: AlertFormat,
    place: PathBuf,
    socket: bool,
}

impl FromStr for Output {
    type Err = String;

    fn from_str(s: &str) -> Result<Self, String> {
        let (format, place) = s
            .split_once('=')
            .filter(|(_, place)| !place.is_empty())
            .ok_or("expected FORMAT=FILE, such as json=/var/log/gabion.json")?;
        let format = AlertFormat::from_str(format, false)?;
        let (socket, place) = place.strip_prefix("unix:").map_or((false, place), |path| (true, path));
        Ok(Self { format, place: place.into(), socket })
    }
}

/// All places.
pub(super) struct Sinks {
    printed: AlertFormat,
    others: Vec<Sink>,
    /// Alerts that standard output did not take.
    unprinted: u64,
}

struct Sink {
    output: Output,
    to: Option<Target>,
    lost: u64,
}

enum Target {
    File(File),
    Socket(UnixStream),
}

impl Sinks {
    pub(super) fn open(printed: AlertFormat, outputs: &[Output]) -> anyhow::Result<Self> {
        let mut sinks = Vec::new();
        for output in outputs {
            let to = output.open().with_context(|| format!("cannot write to {}", output.place.display()))?;
            sinks.push(Sink { output: output.clone(), to: Some(to), lost: 0 });
        }
        if let Some((one, _)) = repeated(outputs) {
            bail!("{} is named twice", one.display());
        }
        Ok(Self { printed, others: sinks, unprinted: 0 })
    }

    pub(super) fn tell(&mut self, alert: &Alert) {
        self.unprinted += u64::from(output::line(&alert::line(alert, self.printed)).is_err());
        for sink in &mut self.others {
            sink.tell(alert);
        }
    }

    /// Alerts that were lost, and where.
    pub(super) fn lost(&self) -> impl Iterator<Item = (String, u64)> {
        let printed = ("standard output".to_owned(), self.unprinted);
        let sinks = self.others.iter().map(|sink| (sink.output.place.display().to_string(), sink.lost));
        std::iter::once(printed).chain(sinks).filter(|(_, lost)| *lost > 0)
    }
}

impl Output {
    fn open(&self) -> std::io::Result<Target> {
        if self.socket {
            let stream = UnixStream::connect(&self.place)?;
            stream.set_write_timeout(Some(PATIENCE))?;
            return Ok(Target::Socket(stream));
        }
        OpenOptions::new().create(true).append(true).open(&self.place).map(Target::File)
    }
}

impl Sink {
    fn tell(&mut self, alert: &Alert) {
        let line = alert::line(alert, self.output.format) + "\n";
        if self.to.is_none() {
            self.to = self.output.open().ok();
        }
        let written = match &mut self.to {
            Some(Target::File(file)) => file.write_all(line.as_bytes()),
            Some(Target::Socket(stream)) => stream.write_all(line.as_bytes()),
            None => Err(std::io::ErrorKind::NotConnected.into()),
        };
        if written.is_err() {
            self.lost += 1;
            // Half a line may be out: the next alert begins on a new connection. A file that is full may have room again.
            self.to = None;
        }
    }
}

fn repeated(outputs: &[Output]) -> Option<(&Path, &Path)> {
    let mut all = outputs.iter().enumerate();
    all.find_map(|(at, one)| {
        outputs[at + 1..]
            .iter()
            .find(|other| other.place == one.place)
            .map(|other| (one.place.as_path(), other.place.as_path()))
    })
}
