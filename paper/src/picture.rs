//! Pictures: lying bars with their numbers, and a line over time.
//! Never tells by a picture alone: each has its words as an alternative, and a table beside it is the caller's part.

use crate::PaperError;
use crate::block::{Bar, Point};
use crate::font::Weight;
use crate::sheet::{ACCENT, INK, Kind, LINE, Mark, QUIET, RULE, SHADE, SIDE, Sheet, WIDTH, rectangle};

/// The height of a bar's row, in points.
const ROW: f32 = 17.0;
/// The room for names beside bars.
const NAMES: f32 = 170.0;
/// And for their numbers.
const NUMBERS: f32 = 90.0;
/// The height of a line's picture.
const HEIGHT: f32 = 110.0;
/// Letters in pictures.
const SIZE: f32 = 8.0;
/// Bars of one picture at most; the table has them all.
const BARS_MAX: usize = 30;

impl Sheet<'_> {
    fn caption(&mut self, title: &str, height: f32) -> Result<(), PaperError> {
        let lines = self.lines(title, Weight::Bold, 9.5, WIDTH);
        self.need(lines.len() as f32 * 9.5 * LINE + height + 8.0)?;
        let element = self.element(Kind::Paragraph, None);
        self.text_lines(element, SIDE, &lines, (9.5, Weight::Bold, INK))?;
        self.y += 4.0;
        Ok(())
    }

    /// One line of letters that fits a width, with an ellipsis where it does not.
    fn fitting(&self, text: &str, width: f32) -> String {
        let face = self.faces.of(Weight::Regular);
        let shown = self.faces.shown(text);
        if face.width(&shown, SIZE) <= width {
            return shown.into_owned();
        }
        let (mut used, mut short) = (face.width_of('…', SIZE), String::new());
        for letter in shown.chars() {
            used += face.width_of(letter, SIZE);
            if used > width {
                break;
            }
            short.push(letter);
        }
        short + "…"
    }

    /// Lying bars; each row is drawn with its name and number.
    pub fn bars(&mut self, title: &str, told: String, bars: &[Bar]) -> Result<(), PaperError> {
        let bars = &bars[..bars.len().min(BARS_MAX)];
        let most = bars.iter().map(|bar| bar.value).filter(|value| value.is_finite()).fold(0.0, f64::max);
        if bars.is_empty() || most <= 0.0 {
            return Ok(());
        }
        let height = bars.len() as f32 * ROW;
        self.caption(title, height)?;
        let (left, whole) = (SIDE + NAMES, WIDTH - NAMES - NUMBERS);
        let mut marks = Vec::new();
        for (place, bar) in bars.iter().enumerate() {
            let top = self.y + place as f32 * ROW;
            let share = (bar.value / most).clamp(0.0, 1.0) as f32;
            let name = self.fitting(&bar.name, NAMES - 10.0);
            let x = left - 8.0 - self.faces.of(Weight::Regular).width(&name, SIZE);
            let y = top + 11.0;
            marks.push(text(x, y, name));
            marks.push(Mark::Fill { points: rectangle(left, top + 3.5, whole, 10.0), colour: SHADE });
            if share > 0.0 {
                let width = (whole * share).max(0.8);
                marks.push(Mark::Fill { points: rectangle(left, top + 3.5, width, 10.0), colour: ACCENT });
            }
            marks.push(text(left + whole + 8.0, y, self.fitting(&bar.words, NUMBERS - 8.0)));
        }
        let figure = self.element(Kind::Figure(told), None);
        self.content(figure, marks);
        self.y += height + 10.0;
        Ok(())
    }

    /// A line over time with its highest value, its beginning and its end in words.
    pub fn line(
        &mut self,
        title: &str,
        told: String,
        points: &[Point],
        highest: &str,
    ) -> Result<(), PaperError> {
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return Ok(()) };
        let is_drawable = points.iter().all(|point| point.at.is_finite() && point.value.is_finite());
        if !is_drawable {
            return Ok(());
        }
        self.caption(title, HEIGHT + 16.0)?;
        let label = self.fitting(highest, 66.0);
        let (left, right) = (SIDE + 74.0, SIDE + WIDTH - 6.0);
        let (top, floor) = (self.y + 4.0, self.y + HEIGHT);
        let span = (last.at - first.at).max(f64::MIN_POSITIVE);
        let most = points.iter().map(|point| point.value).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
        let place = |point: &Point| {
            let along = if points.len() == 1 { 1.0 } else { ((point.at - first.at) / span).clamp(0.0, 1.0) };
            let up = (point.value / most).clamp(0.0, 1.0);
            (left + (right - left) * along as f32, floor - (floor - top) * up as f32)
        };
        let curve: Vec<(f32, f32)> = points.iter().map(place).collect();
        let mut area = curve.clone();
        area.push((curve[curve.len() - 1].0, floor));
        area.push((curve[0].0, floor));
        let rule = |y: f32| Mark::Stroke { points: vec![(left, y), (right, y)], colour: RULE, width: 0.6 };
        let face = self.faces.of(Weight::Regular);
        let end = self.fitting(&last.words, 160.0);
        let mut marks = vec![
            Mark::Fill { points: area, colour: [0xdc, 0xe8, 0xf5] },
            rule(top),
            rule((top + floor) / 2.0),
            rule(floor),
            text(left - 8.0 - face.width(&label, SIZE), top + 3.0, label),
            text(left - 8.0 - face.width("0", SIZE), floor + 3.0, "0".into()),
        ];
        if points.len() > 1 {
            marks.push(Mark::Stroke { points: curve.clone(), colour: ACCENT, width: 1.4 });
            marks.push(text(left, floor + 13.0, self.fitting(&first.words, 160.0)));
        }
        let (x, y) = curve[curve.len() - 1];
        marks.push(Mark::Fill { points: rectangle(x - 2.0, y - 2.0, 4.0, 4.0), colour: ACCENT });
        marks.push(text(right - face.width(&end, SIZE), floor + 13.0, end));
        let figure = self.element(Kind::Figure(told), None);
        self.content(figure, marks);
        self.y += HEIGHT + 26.0;
        Ok(())
    }
}

fn text(x: f32, y: f32, text: String) -> Mark {
    Mark::Text { x, y, size: SIZE, weight: Weight::Regular, colour: QUIET, text }
}
