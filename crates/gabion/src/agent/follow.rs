//! Whoever follows events or alerts over the control socket.

use super::control::Back;
use crate::{
    alert::{self, AlertFormat},
    control::Line,
    rules,
};
use gabion_detect::{
    alert::Alert,
    engine::Engine,
    state::{Slot, State},
};
use gabion_model::{Event, EventKind};

/// All of them.
#[derive(Default)]
pub(super) struct Followers {
    of_events: Vec<OfEvents>,
    of_alerts: Vec<(AlertFormat, Back)>,
}

struct OfEvents {
    engine: Engine,
    format: AlertFormat,
    back: Back,
}

impl Followers {
    /// Somebody wants events.
    pub(super) fn follow_events(
        &mut self,
        filter: Option<&str>,
        print: &str,
        format: AlertFormat,
        mut back: Back,
    ) {
        match rules::single("the filter or the output", filter.unwrap_or("evt.num > 0"), print) {
            Ok(engine) => self.of_events.push(OfEvents { engine, format, back }),
            Err(error) => drop(back.send(Line::Error(format!("{error:#}")))),
        }
    }

    /// Somebody wants alerts.
    pub(super) fn follow_alerts(&mut self, format: AlertFormat, back: Back) {
        self.of_alerts.push((format, back));
    }

    /// The kinds of events that they want.
    pub(super) fn kinds(&self) -> impl Iterator<Item = EventKind> {
        self.of_events.iter().flat_map(|follower| follower.engine.kinds())
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.of_events.len() + self.of_alerts.len()
    }

    /// Tells an event that the state has taken in.
    pub(super) fn event(&mut self, event: &Event<'_>, state: &State, slot: Option<Slot>) {
        if event.number == 0 {
            return;
        }
        self.of_events.retain_mut(|follower| {
            let OfEvents { engine, format, back } = follower;
            let matched = engine.judge(event, state, slot).to_vec();
            matched.into_iter().all(|rule| {
                let alert = engine.alert(rule, event, state, slot);
                let line = match format {
                    AlertFormat::Text => String::from_utf8_lossy(&alert.message).into_owned(),
                    AlertFormat::Json | AlertFormat::Ocsf => alert::line(&alert, *format),
                };
                back.send(Line::Item(line))
            })
        });
    }

    /// Tells an alert.
    pub(super) fn alert(&mut self, alert: &Alert) {
        self.of_alerts.retain_mut(|(format, back)| back.send(Line::Item(alert::line(alert, *format))));
    }

    /// Forgets whoever went away.
    pub(super) fn sweep(&mut self) {
        self.of_events.retain_mut(|follower| follower.back.is_heard());
        self.of_alerts.retain_mut(|(_, back)| back.is_heard());
    }
}
