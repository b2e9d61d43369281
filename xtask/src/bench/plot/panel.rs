//! One panel: a figure over what grows, on a logarithmic axis. Every point carries its value, so that nobody measures with a
//! ruler.

/// How the figure's axis runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By decades. What grows in proportion is parallel to the dashed line through the last point.
    Log,
    /// From zero.
    FromZero,
}

/// See the module's page.
pub struct Panel<'a> {
    /// What the figure is.
    pub title: &'a str,
    /// How it runs.
    pub scale: Scale,
    /// What grows, and the figure.
    pub points: Vec<(f64, f64)>,
}

/// Room around the plot, in pixels.
const LEFT: f64 = 48.0;
const RIGHT: f64 = 28.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 36.0;

const INK: &str = "#333";
const GRID: &str = "#e3e3e3";
const LINE: &str = "#1f6fb2";

impl Panel<'_> {
    /// Pixels of the whole panel.
    pub const WIDTH: usize = 400;
    /// Pixels of the whole panel.
    pub const HEIGHT: usize = 250;

    /// SVG elements, from 0 to [`Self::WIDTH`] and [`Self::HEIGHT`].
    pub fn draw(&self) -> String {
        let mut text = text(LEFT - 32.0, 22.0, "start", self.title);
        let points: Vec<(f64, f64)> =
            self.points.iter().copied().filter(|(_, y)| self.scale == Scale::FromZero || *y > 0.0).collect();
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return text };
        let across = Axis::decades(first.0, last.0, LEFT, Self::WIDTH as f64 - RIGHT);
        let figures = || points.iter().map(|(_, y)| *y);
        let (least, most) = (figures().fold(f64::INFINITY, f64::min), figures().fold(0.0, f64::max));
        let (floor, ceiling) = (Self::HEIGHT as f64 - BOTTOM, TOP);
        let up = match self.scale {
            Scale::Log => Axis::decades(least, most, floor, ceiling),
            Scale::FromZero => Axis::from_zero(most, floor, ceiling),
        };
        for (value, x) in across.ticks() {
            text += &line(x, floor, x, ceiling, GRID, "");
            text += &self::text(x, floor + 18.0, "middle", &short(value));
        }
        for (value, y) in up.ticks() {
            text += &line(LEFT, y, Self::WIDTH as f64 - RIGHT, y, GRID, "");
            text += &self::text(LEFT - 6.0, y + 4.0, "end", &short(value));
        }
        if self.scale == Scale::Log {
            // As far back as the panel shows.
            let from = first.0.max(last.0 * up.low / last.1);
            let proportion = last.1 * from / last.0;
            let (x, y) = (across.at(from), up.at(proportion));
            text += &line(x, y, across.at(last.0), up.at(last.1), "#999", " stroke-dasharray=\"4 4\"");
        }
        let path: Vec<String> =
            points.iter().map(|(x, y)| format!("{:.1},{:.1}", across.at(*x), up.at(*y))).collect();
        text += &format!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{LINE}\" stroke-width=\"2\"/>\n",
            path.join(" ")
        );
        for (index, (x, y)) in points.iter().enumerate() {
            let (at, height) = (across.at(*x), up.at(*y));
            text += &format!("<circle cx=\"{at:.1}\" cy=\"{height:.1}\" r=\"3.5\" fill=\"{LINE}\"/>\n");
            // The first stands at the axis, whose own numbers are to its left.
            let (anchor, aside) = if index == 0 { ("start", 4.0) } else { ("middle", 0.0) };
            text += &self::text(at + aside, height - 9.0, anchor, &short(*y));
        }
        text
    }
}

/// From a value to pixels.
struct Axis {
    low: f64,
    high: f64,
    log: bool,
    from: f64,
    to: f64,
}

impl Axis {
    /// Whole decades around two values.
    fn decades(least: f64, most: f64, from: f64, to: f64) -> Self {
        let low = 10_f64.powf(least.log10().floor());
        let high = 10_f64.powf(most.log10().ceil()).max(low * 10.0);
        Self { low, high, log: true, from, to }
    }

    /// From zero to a round number above the value.
    fn from_zero(most: f64, from: f64, to: f64) -> Self {
        let most = if most > 0.0 { most } else { 1.0 };
        let decade = 10_f64.powf(most.log10().floor());
        let high = [1.0, 2.0, 4.0, 6.0, 8.0].map(|step| step * decade).into_iter().find(|high| *high >= most);
        Self { low: 0.0, high: high.unwrap_or(10.0 * decade), log: false, from, to }
    }

    fn at(&self, value: f64) -> f64 {
        let share = if self.log {
            (value / self.low).log10() / (self.high / self.low).log10()
        } else {
            value / self.high
        };
        self.from + share * (self.to - self.from)
    }

    /// Values to write beside the axis, and where.
    fn ticks(&self) -> Vec<(f64, f64)> {
        let values: Vec<f64> = if self.log {
            std::iter::successors(Some(self.low), |value| Some(value * 10.0))
                .take_while(|value| *value <= self.high * 1.001)
                .collect()
        } else {
            [0.0, 0.25, 0.5, 0.75, 1.0].map(|share| share * self.high).into()
        };
        values.into_iter().map(|value| (value, self.at(value))).collect()
    }
}

fn line(x1: f64, y1: f64, x2: f64, y2: f64, stroke: &str, more: &str) -> String {
    format!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{stroke}\"{more}/>\n")
}

fn text(x: f64, y: f64, anchor: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"{INK}\">{text}</text>\n")
}

/// A number in as few signs as it is worth: three digits, thousands as k.
fn short(value: f64) -> String {
    let (value, thousands) = if value >= 1000.0 { (value / 1000.0, "k") } else { (value, "") };
    let digits = match value {
        _ if value >= 100.0 => 0,
        _ if value >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
    format!("{text}{thousands}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.414, 1.0, 12.34, 100.0, 999.4, 1000.0, 12_345.0].map(short);
        assert_eq!(texts, ["0", "0.41", "1", "12.3", "100", "999", "1k", "12.3k"]);
    }

    #[test]
    fn axes_end_in_round_numbers() {
        let axis = Axis::decades(12.0, 950.0, 0.0, 100.0);
        assert_eq!((axis.low, axis.high, axis.at(100.0)), (10.0, 1000.0, 50.0));
        let axis = Axis::from_zero(0.47, 0.0, 100.0);
        assert!((axis.high - 0.6).abs() < 1e-9, "{}", axis.high);
        assert_eq!(Axis::from_zero(0.0, 0.0, 1.0).high, 1.0);
    }
}
