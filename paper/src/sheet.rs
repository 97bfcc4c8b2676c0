//! The pages as lists of what is drawn, with the tree of what it means; from top to bottom, page after page.
//! Never writes a document: that begins when the number of pages is known.

use crate::block::{Block, Tone};
use crate::font::{Faces, Weight};
use crate::{PAGES_MAX, PaperError, lines};

/// The width of a page (A4), in points of 1/72 inch.
pub(crate) const PAGE_WIDTH: f32 = 595.28;
/// Its height.
pub(crate) const PAGE_HEIGHT: f32 = 841.89;
/// Room at its left and right.
pub(crate) const SIDE: f32 = 48.0;
/// Where its content begins.
pub(crate) const TOP: f32 = 68.0;
/// Where it ends.
pub(crate) const BOTTOM: f32 = 778.0;
/// The width of the content.
pub(crate) const WIDTH: f32 = PAGE_WIDTH - 2.0 * SIDE;
/// The height of a line for letters of size 1.
pub(crate) const LINE: f32 = 1.36;
/// Letters of text, in points.
const TEXT: f32 = 9.5;
/// Letters below the title.
const LEAD: f32 = 13.0;
/// Letters of notes.
const NOTE: f32 = 8.0;

/// A colour: red, green, blue.
pub(crate) type Colour = [u8; 3];

/// Text.
pub(crate) const INK: Colour = [0x1b, 0x24, 0x30];
/// Notes, heads and feet; 4.5:1 on white at least.
pub(crate) const QUIET: Colour = [0x55, 0x60, 0x6d];
/// Lines between rows.
pub(crate) const RULE: Colour = [0xd5, 0xda, 0xe0];
/// Behind heads.
pub(crate) const SHADE: Colour = [0xf1, 0xf4, 0xf7];
/// Bars and curves.
pub(crate) const ACCENT: Colour = [0x1f, 0x5f, 0xa8];

/// The letters and the ground of a tone.
pub(crate) const fn colours(tone: Tone) -> (Colour, Colour) {
    match tone {
        Tone::Plain => (INK, SHADE),
        Tone::Good => ([0x14, 0x5c, 0x33], [0xe4, 0xf4, 0xea]),
        Tone::Warn => ([0x7a, 0x4b, 0x00], [0xfd, 0xf1, 0xd9]),
        Tone::Bad => ([0x9b, 0x1c, 0x1c], [0xfc, 0xe6, 0xe4]),
    }
}

/// One thing that is drawn.
pub(crate) enum Mark {
    /// A line of text from its left end on its base line.
    Text { x: f32, y: f32, size: f32, weight: Weight, colour: Colour, text: String },
    /// A filled shape.
    Fill { points: Vec<(f32, f32)>, colour: Colour },
    /// A line through points.
    Stroke { points: Vec<(f32, f32)>, colour: Colour, width: f32 },
}

/// Marks that belong together on one page.
pub(crate) struct Piece {
    /// What is drawn.
    pub marks: Vec<Mark>,
    /// It means something; else it is decoration.
    pub is_content: bool,
}

/// What a part of the document is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    Heading(u8, String),
    Paragraph,
    Table,
    TableHead,
    TableBody,
    Row,
    ColumnHead,
    RowHead,
    Cell,
    Figure(String),
}

/// What stands in an element.
#[derive(Clone, Copy)]
pub(crate) enum Child {
    /// Another, by its place.
    Element(usize),
    /// A piece of a page: the page and the place on it.
    Piece(usize, usize),
}

/// A node of the tree.
pub(crate) struct Element {
    pub kind: Kind,
    pub children: Vec<Child>,
}

/// A bookmark.
pub(crate) struct Mention {
    pub level: u8,
    pub text: String,
    pub page: usize,
    pub y: f32,
}

/// Everything that was laid out.
pub(crate) struct Laid {
    pub pages: Vec<Vec<Piece>>,
    pub elements: Vec<Element>,
    /// Elements that stand in no other.
    pub roots: Vec<usize>,
    pub mentions: Vec<Mention>,
}

/// The pages so far, and where the next thing goes.
pub(crate) struct Sheet<'a> {
    pub faces: &'a Faces,
    /// Where the next thing begins on the last page.
    pub y: f32,
    laid: Laid,
}

impl<'a> Sheet<'a> {
    pub fn new(faces: &'a Faces) -> Self {
        let laid =
            Laid { pages: vec![Vec::new()], elements: Vec::new(), roots: Vec::new(), mentions: Vec::new() };
        Self { faces, y: TOP, laid }
    }

    pub fn finished(self) -> Laid {
        self.laid
    }

    /// Begins a page.
    pub fn turn(&mut self) -> Result<(), PaperError> {
        if self.laid.pages.len() >= PAGES_MAX {
            return Err(PaperError::TooLong);
        }
        self.laid.pages.push(Vec::new());
        self.y = TOP;
        Ok(())
    }

    /// Begins a page unless so much room is left on this one.
    pub fn need(&mut self, height: f32) -> Result<(), PaperError> {
        if self.y + height > BOTTOM && self.y > TOP { self.turn() } else { Ok(()) }
    }

    /// A new element inside of another, or at the root.
    pub fn element(&mut self, kind: Kind, inside: Option<usize>) -> usize {
        let place = self.laid.elements.len();
        self.laid.elements.push(Element { kind, children: Vec::new() });
        match inside {
            Some(parent) => self.laid.elements[parent].children.push(Child::Element(place)),
            None => self.laid.roots.push(place),
        }
        place
    }

    /// Draws what belongs to an element.
    pub fn content(&mut self, element: usize, marks: Vec<Mark>) {
        let child = self.piece(marks, true);
        self.laid.elements[element].children.push(child);
    }

    /// Draws what means nothing.
    pub fn decoration(&mut self, marks: Vec<Mark>) {
        self.piece(marks, false);
    }

    fn piece(&mut self, marks: Vec<Mark>, is_content: bool) -> Child {
        let page = self.laid.pages.len() - 1;
        let pieces = &mut self.laid.pages[page];
        pieces.push(Piece { marks, is_content });
        Child::Piece(page, pieces.len() - 1)
    }

    /// Lays one block below what is there; a heading stays with the block that follows it.
    pub fn lay(&mut self, block: Block, next: Option<&Block>) -> Result<(), PaperError> {
        let follows = match next {
            Some(Block::Line(..)) => 170.0,
            Some(Block::Bars(_, _, bars)) => (bars.len() as f32).mul_add(17.0, 30.0).min(400.0),
            _ => 64.0,
        };
        match block {
            Block::Title(text) => self.heading(1, &text, 24.0, (0.0, follows)),
            Block::Heading(level, text) => {
                let (size, above) = match level {
                    0 | 1 => (15.0, 18.0),
                    2 => (11.5, 13.0),
                    _ => (10.0, 10.0),
                };
                self.heading(level.clamp(1, 3), &text, size, (above, follows))
            }
            Block::Lead(text) => self.paragraph(&text, LEAD, QUIET),
            Block::Text(text) => self.paragraph(&text, TEXT, INK),
            Block::Note(text) => self.paragraph(&text, NOTE, QUIET),
            Block::Verdict(tone, word, sentences) => self.verdict(tone, &word, &sentences),
            Block::Facts(facts) => self.facts(facts),
            Block::Table(table) => self.table(table),
            Block::Bars(title, told, bars) => self.bars(&title, told, &bars),
            Block::Line(title, told, points, highest) => self.line(&title, told, &points, &highest),
            Block::Break if self.y > TOP => self.turn(),
            Block::Break => Ok(()),
        }
    }

    /// The lines of a text, made legible, in this width.
    pub fn lines(&self, text: &str, weight: Weight, size: f32, width: f32) -> Vec<String> {
        lines::broken(self.faces.of(weight), size, width, &lines::prepared(self.faces, text))
    }

    fn heading(
        &mut self,
        level: u8,
        text: &str,
        size: f32,
        (above, follows): (f32, f32),
    ) -> Result<(), PaperError> {
        // A heading without words would be no heading (PDF/UA-1).
        let text = if text.trim().is_empty() { "–" } else { text };
        let lines = self.lines(text, Weight::Bold, size, WIDTH);
        if self.y > TOP {
            self.y += above;
        }
        self.need(lines.len() as f32 * size * LINE + follows)?;
        let told = lines.concat();
        let element = self.element(Kind::Heading(level, told.clone()), None);
        let page = self.laid.pages.len() - 1;
        self.laid.mentions.push(Mention { level, text: told, page, y: self.y });
        self.text_lines(element, SIDE, &lines, (size, Weight::Bold, INK))?;
        self.y += size * 0.4;
        Ok(())
    }

    /// Lines one below the other, over as many pages as they need.
    pub fn text_lines(
        &mut self,
        element: usize,
        x: f32,
        lines: &[String],
        (size, weight, colour): (f32, Weight, Colour),
    ) -> Result<(), PaperError> {
        for text in lines {
            self.need(size * LINE)?;
            let y = self.y + size * 1.06;
            self.content(element, vec![Mark::Text { x, y, size, weight, colour, text: text.clone() }]);
            self.y += size * LINE;
        }
        Ok(())
    }

    fn paragraph(&mut self, text: &str, size: f32, colour: Colour) -> Result<(), PaperError> {
        let lines = self.lines(text, Weight::Regular, size, WIDTH);
        let element = self.element(Kind::Paragraph, None);
        self.text_lines(element, SIDE, &lines, (size, Weight::Regular, colour))?;
        self.y += size * 0.5;
        Ok(())
    }

    /// A band with a sign of its own shape, a word and sentences.
    fn verdict(&mut self, tone: Tone, word: &str, sentences: &[String]) -> Result<(), PaperError> {
        const EDGE: f32 = 14.0;
        const SIGN: f32 = 34.0;
        let room = WIDTH - 2.0 * EDGE - SIGN;
        let head = self.lines(word, Weight::Bold, 17.0, room);
        let told: Vec<Vec<String>> =
            sentences.iter().map(|text| self.lines(text, Weight::Regular, 10.5, room)).collect();
        let height = head.len() as f32 * 17.0 * LINE
            + told.iter().map(|lines| lines.len() as f32 * 10.5 * LINE + 3.0).sum::<f32>()
            + 2.0 * EDGE;
        self.y += 6.0;
        self.need(height)?;
        let (ink, ground) = colours(tone);
        let (top, left) = (self.y, SIDE);
        self.decoration(vec![
            Mark::Fill { points: rectangle(left, top, WIDTH, height), colour: ground },
            Mark::Fill { points: rectangle(left, top, 5.0, height), colour: ink },
            sign(tone, left + EDGE + 4.0, top + EDGE + 1.0, 22.0),
        ]);
        self.y = top + EDGE;
        let element = self.element(Kind::Paragraph, None);
        self.text_lines(element, left + EDGE + SIGN, &head, (17.0, Weight::Bold, ink))?;
        for lines in &told {
            self.y += 3.0;
            let element = self.element(Kind::Paragraph, None);
            self.text_lines(element, left + EDGE + SIGN, lines, (10.5, Weight::Regular, INK))?;
        }
        self.y = top + height + 14.0;
        Ok(())
    }
}

/// The corners of a rectangle.
pub(crate) fn rectangle(x: f32, y: f32, width: f32, height: f32) -> Vec<(f32, f32)> {
    vec![(x, y), (x + width, y), (x + width, y + height), (x, y + height)]
}

/// A shape for each tone, so that none is told by colour alone: round, three-cornered, square.
fn sign(tone: Tone, x: f32, y: f32, size: f32) -> Mark {
    let (colour, _) = colours(tone);
    let half = size / 2.0;
    let points = match tone {
        Tone::Warn => vec![(x + half, y), (x + size, y + size), (x, y + size)],
        Tone::Bad => rectangle(x, y, size, size),
        Tone::Good | Tone::Plain => (0..40)
            .map(|step| {
                let angle = step as f32 / 40.0 * std::f32::consts::TAU;
                (x + half + half * angle.cos(), y + half + half * angle.sin())
            })
            .collect(),
    };
    Mark::Fill { points, colour }
}
