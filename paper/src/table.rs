//! Tables that break over pages with their heads repeated; a row that is higher than a page is broken too.
//! Never breaks a number, and never lets one cell run into the next.

use crate::PaperError;
use crate::block::{Align, Cell, Column, Table, Tone};
use crate::font::Weight;
use crate::sheet::{BOTTOM, Kind, LINE, Mark, QUIET, RULE, SHADE, SIDE, Sheet, WIDTH, colours, rectangle};

/// Room inside of a cell, at each side.
const EDGE: f32 = 4.5;
/// And above and below its lines.
const PAD: f32 = 3.2;
/// Sizes of letters that are tried, the largest first, in points.
const SIZES: [f32; 4] = [8.5, 8.0, 7.5, 7.0];
/// What columns of text have at least, in points.
const TEXT_WIDTH_MIN: f32 = 58.0;

/// What of the width the names of facts have; a digest fits beside them.
const NAMES: f32 = 0.235;

/// How a table is set.
struct Setting {
    size: f32,
    /// Where each column begins and how wide it is.
    columns: Vec<(f32, f32)>,
}

impl Sheet<'_> {
    /// Lays a table below what is there; nothing for one without rows.
    pub fn table(&mut self, table: Table) -> Result<(), PaperError> {
        if table.columns.is_empty() || table.rows.is_empty() {
            return Ok(());
        }
        let setting = self.setting(&table);
        let element = self.element(Kind::Table, None);
        let heads: Vec<Vec<String>> = table
            .columns
            .iter()
            .zip(&setting.columns)
            .map(|(column, (_, width))| {
                self.lines(&column.head, Weight::Bold, setting.size, width - 2.0 * EDGE)
            })
            .collect();
        let line = setting.size * LINE;
        let head_height = heads.iter().map(Vec::len).max().unwrap_or(1) as f32 * line + 2.0 * PAD;
        self.need(head_height + line + 2.0 * PAD)?;
        let head = self.element(Kind::TableHead, Some(element));
        let row = self.element(Kind::Row, Some(head));
        self.heads(&table.columns, &setting, &heads, head_height, Some(row));
        let body = self.element(Kind::TableBody, Some(element));
        for cells in &table.rows {
            self.row(body, &table.columns, &setting, cells, &heads, head_height)?;
        }
        self.y += 10.0;
        Ok(())
    }

    /// Names and values as a table of two columns, the names being heads of their rows.
    pub fn facts(&mut self, facts: Vec<(String, String)>) -> Result<(), PaperError> {
        let columns = vec![Column::text("", NAMES), Column::text("", 1.0 - NAMES)];
        let names = WIDTH * NAMES;
        let setting = Setting { size: 9.0, columns: vec![(SIDE, names), (SIDE + names, WIDTH - names)] };
        if facts.is_empty() {
            return Ok(());
        }
        let element = self.element(Kind::Table, None);
        let body = self.element(Kind::TableBody, Some(element));
        for (name, value) in facts {
            self.row(body, &columns, &setting, &[name.into(), value.into()], &[], 0.0)?;
        }
        self.y += 10.0;
        Ok(())
    }

    /// The largest letters at which numbers stay whole and text has room.
    fn setting(&self, table: &Table) -> Setting {
        let texts = table.columns.iter().filter(|column| column.align == Align::Left).count() as f32;
        let natural: Vec<f32> = (0..table.columns.len()).map(|place| self.natural(table, place)).collect();
        let needed =
            |size: f32, natural: f32| if natural > 0.0 { natural * size + 2.0 * EDGE + 0.5 } else { 0.0 };
        let numbers = |size: f32| natural.iter().map(|own| needed(size, *own)).sum::<f32>();
        let has_room = |size: &f32| numbers(*size) + texts * TEXT_WIDTH_MIN <= WIDTH;
        let size = SIZES.into_iter().find(has_room).unwrap_or(SIZES[SIZES.len() - 1]);
        let room = (WIDTH - numbers(size)).max(texts * 20.0);
        let shares: f32 = table.columns.iter().map(|column| column.share).sum();
        let mut x = SIDE;
        let columns = table.columns.iter().zip(natural).map(|(column, natural)| {
            let width = match column.align {
                Align::Left => room * column.share / shares.max(0.001),
                Align::Right => needed(size, natural),
            };
            x += width;
            (x - width, width)
        });
        Setting { size, columns: columns.collect() }
    }

    /// What a column of numbers needs for letters of size 1: its widest cell, and the longest word of its head.
    /// Nothing for a column of text.
    fn natural(&self, table: &Table, place: usize) -> f32 {
        if table.columns[place].align == Align::Left {
            return 0.0;
        }
        let bold = self.faces.of(Weight::Bold);
        let words = table.columns[place].head.split(' ').map(|word| bold.width(word, 1.0));
        let cells = table.rows.iter().filter_map(|row| row.get(place));
        let cells = cells.map(|cell| bold.width(&self.faces.shown(&cell.text), 1.0));
        words.chain(cells).fold(0.0, f32::max)
    }

    /// The heads; without a row to belong to they are decoration, as on every page but the first.
    fn heads(
        &mut self,
        columns: &[Column],
        setting: &Setting,
        heads: &[Vec<String>],
        height: f32,
        row: Option<usize>,
    ) {
        let top = self.y;
        self.decoration(vec![Mark::Fill { points: rectangle(SIDE, top, WIDTH, height), colour: SHADE }]);
        for ((column, lines), place) in columns.iter().zip(heads).zip(&setting.columns) {
            let marks = self.marks(lines, *place, column.align, setting.size, top, (Weight::Bold, QUIET));
            match row {
                Some(row) => {
                    let element = self.element(Kind::ColumnHead, Some(row));
                    self.content(element, marks);
                }
                None => self.decoration(marks),
            }
        }
        self.y = top + height;
    }

    /// The lines of a cell as marks.
    fn marks(
        &self,
        lines: &[String],
        (x, width): (f32, f32),
        align: Align,
        size: f32,
        top: f32,
        (weight, colour): (Weight, [u8; 3]),
    ) -> Vec<Mark> {
        let mark = |(place, text): (usize, &String)| {
            let used = self.faces.of(weight).width(text.trim_end(), size);
            let x = match align {
                Align::Left => x + EDGE,
                Align::Right => x + width - EDGE - used,
            };
            let y = top + PAD + place as f32 * size * LINE + size * 1.06;
            Mark::Text { x, y, size, weight, colour, text: text.clone() }
        };
        lines.iter().enumerate().map(mark).collect()
    }

    fn row(
        &mut self,
        body: usize,
        columns: &[Column],
        setting: &Setting,
        cells: &[Cell],
        heads: &[Vec<String>],
        head_height: f32,
    ) -> Result<(), PaperError> {
        let nothing = Cell::default();
        let cell = |place: usize| cells.get(place).unwrap_or(&nothing);
        let weight = |place: usize| {
            if cell(place).tone == Tone::Plain { Weight::Regular } else { Weight::Bold }
        };
        let lines: Vec<Vec<String>> = (0..columns.len())
            .map(|place| {
                let width = setting.columns[place].1 - 2.0 * EDGE;
                // Numbers have the width that they need.
                let width = if columns[place].align == Align::Right { f32::MAX } else { width };
                self.lines(&cell(place).text, weight(place), setting.size, width)
            })
            .collect();
        let line = setting.size * LINE;
        let count = lines.iter().map(Vec::len).max().unwrap_or(1);
        let row = self.element(Kind::Row, Some(body));
        let elements: Vec<usize> = (0..columns.len())
            .map(|place| self.element(if place == 0 { Kind::RowHead } else { Kind::Cell }, Some(row)))
            .collect();
        let mut done = 0;
        while done < count {
            let left = count - done;
            let fits = |y: f32| ((BOTTOM - y - 2.0 * PAD) / line).floor().max(0.0) as usize;
            let whole = fits(crate::sheet::TOP + head_height);
            if fits(self.y) < left.min(whole) {
                self.turn()?;
                if !heads.is_empty() {
                    self.heads(columns, setting, heads, head_height, None);
                }
            }
            let part = left.min(fits(self.y).max(1));
            let top = self.y;
            for place in 0..columns.len() {
                let own = &lines[place];
                let slice = &own[done.min(own.len())..(done + part).min(own.len())];
                let colour = colours(cell(place).tone).0;
                let told = (weight(place), colour);
                let marks =
                    self.marks(slice, setting.columns[place], columns[place].align, setting.size, top, told);
                if !marks.is_empty() {
                    self.content(elements[place], marks);
                }
            }
            self.y = top + part as f32 * line + 2.0 * PAD;
            let points = vec![(SIDE, self.y), (SIDE + WIDTH, self.y)];
            self.decoration(vec![Mark::Stroke { points, colour: RULE, width: 0.5 }]);
            done += part;
        }
        Ok(())
    }
}
