//! What a document is made of: plain values.
//! Never measures or draws: the words come in ready-made.

/// What is said of a document as a whole.
#[derive(Debug, Clone, Default)]
pub struct Paper {
    /// Its title.
    pub title: String,
    /// What it is about, in a sentence.
    pub subject: String,
    /// Its language (BCP 47).
    pub language: String,
    /// The program that wrote it.
    pub producer: String,
    /// A name of its own; the same content has the same.
    pub identity: String,
    /// At the left of every page's head.
    pub head_left: String,
    /// And at the right.
    pub head_right: String,
    /// At the left of every page's foot.
    pub foot: String,
    /// The page's number with `{n}`, and how many there are with `{m}`.
    pub page_words: String,
}

/// How a verdict or a cell looks; the words say the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tone {
    /// Nothing to say.
    #[default]
    Plain,
    /// All is well.
    Good,
    /// Somebody should look.
    Warn,
    /// It does not hold.
    Bad,
}

/// One part of a document, from top to bottom.
#[derive(Debug, Clone)]
pub enum Block {
    /// The document's title, which begins its first page.
    Title(String),
    /// A heading of level 1 to 3, which is a bookmark too.
    Heading(u8, String),
    /// A paragraph in larger letters, below the title.
    Lead(String),
    /// A paragraph.
    Text(String),
    /// A paragraph in small grey letters.
    Note(String),
    /// A verdict in a band: a word, and sentences below it.
    Verdict(Tone, String, Vec<String>),
    /// Names with their values, as a table of two columns without a head.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
    /// Lying bars under a title, each with its number; the second text tells them to who cannot see them.
    Bars(String, String, Vec<Bar>),
    /// A line over time under a title: what it tells, its points, and words for its highest value.
    Line(String, String, Vec<Point>, String),
    /// What follows begins a new page.
    Break,
}

/// A bar.
#[derive(Debug, Clone)]
pub struct Bar {
    /// What it counts.
    pub name: String,
    /// How much, not below 0.
    pub value: f64,
    /// The same in words.
    pub words: String,
}

/// A point of a line.
#[derive(Debug, Clone)]
pub struct Point {
    /// Where in time, in any unit that grows.
    pub at: f64,
    /// How much, not below 0.
    pub value: f64,
    /// When, in words: shown for the first and the last.
    pub words: String,
}

/// At which side a column's cells stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers, which are never broken.
    Right,
}

/// A column of a table.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its head.
    pub head: String,
    /// Its side.
    pub align: Align,
    /// Its share of the room that columns of numbers leave; without meaning for those.
    pub share: f32,
}

impl Column {
    /// A column of text with this share of the room.
    pub fn text(head: impl Into<String>, share: f32) -> Self {
        Self { head: head.into(), align: Align::Left, share }
    }

    /// A column of numbers.
    pub fn number(head: impl Into<String>) -> Self {
        Self { head: head.into(), align: Align::Right, share: 0.0 }
    }
}

/// A cell.
#[derive(Debug, Clone, Default)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// How it looks.
    pub tone: Tone,
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self { text: text.into(), tone: Tone::Plain }
    }
}

/// A table: its first column names the row.
#[derive(Debug, Clone, Default)]
pub struct Table {
    /// Its columns; none for no table.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell for every column; missing ones are empty.
    pub rows: Vec<Vec<Cell>>,
}
