//! What was open at the end of each week, as stacked bars. Its numbers stand in the table beneath: nobody has to read a colour.

use gabion_api::rest::{Counts, TrendWeek};
use std::fmt::Write;

const WIDTH: u64 = 800;
const HEIGHT: u64 = 180;
/// Room for the numbers above the bars, and for the days beneath.
const TOP: u64 = 20;
const BOTTOM: u64 = 22;

/// The colours, from the bottom of a bar on.
pub(super) const COLOURS: [(&str, &str); 4] =
    [("critical", "#7d0a1e"), ("high", "#d1242f"), ("medium", "#d4a72c"), ("low", "#54aeff")];

/// All of them.
pub(super) const fn total(counts: Counts) -> u64 {
    counts.critical + counts.high + counts.medium + counts.low
}

/// The chart; `day` writes a day.
pub(super) fn bars(weeks: &[TrendWeek], day: impl Fn(i64) -> String) -> String {
    let most = weeks.iter().filter_map(|week| week.open.map(total)).max().unwrap_or(0).max(1);
    let room = HEIGHT - TOP - BOTTOM;
    let step = WIDTH / weeks.len().max(1) as u64;
    let width = step * 3 / 5;
    let mut svg = format!(
        "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Open findings at the end of each week; the table beneath has the numbers\">"
    );
    for (number, week) in weeks.iter().enumerate() {
        let left = number as u64 * step + (step - width) / 2;
        let middle = left + width / 2;
        let open = week.open.unwrap_or_default();
        let parts = [open.critical, open.high, open.medium, open.low];
        let above = week.open.map_or_else(|| "–".to_owned(), |open| total(open).to_string());
        let mut base = HEIGHT - BOTTOM;
        for (count, (_, colour)) in parts.iter().zip(COLOURS) {
            if *count == 0 {
                continue;
            }
            // What is there is seen, however little it is beside the rest.
            let height = (u128::from(*count) * u128::from(room) / u128::from(most)).max(2);
            let height = u64::try_from(height).unwrap_or(room).min(base.saturating_sub(TOP));
            base -= height;
            let _ = write!(
                svg,
                "<rect x=\"{left}\" y=\"{base}\" width=\"{width}\" height=\"{height}\" fill=\"{colour}\"/>"
            );
        }
        let _ = write!(
            svg,
            "<text class=\"value\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text><text x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            base - 5,
            above,
            HEIGHT - 6,
            day(week.end)
        );
    }
    let _ = write!(
        svg,
        "<path d=\"M0 {y}H{WIDTH}\" stroke=\"#8c959f\" fill=\"none\"/></svg>",
        y = HEIGHT - BOTTOM
    );
    svg
}
