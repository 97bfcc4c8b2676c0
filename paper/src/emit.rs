//! Writes what was laid out: pages, heads and feet, the tree of tags, bookmarks, what is said of the whole.
//! Never decides where anything stands.

use std::num::NonZeroU16;

use krilla::Document;
use krilla::SerializeSettings;
use krilla::color::rgb;
use krilla::configure::{Accessibility, ConfigurationBuilder, PdfVersion};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point};
use krilla::metadata::Metadata;
use krilla::num::NormalizedF32;
use krilla::outline::{Outline, OutlineNode};
use krilla::page::PageSettings;
use krilla::paint::{Fill, FillRule, Stroke};
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, Node, SpanTag, TableHeaderScope, Tag, TagGroup, TagKind,
    TagTree,
};

use crate::block::Paper;
use crate::font::{Faces, Weight};
use crate::sheet::{
    Child, Colour, Kind, Laid, Mark, Mention, PAGE_HEIGHT, PAGE_WIDTH, QUIET, RULE, SIDE, WIDTH,
};
use crate::{PaperError, lines};

/// Letters of heads and feet, in points.
const SMALL: f32 = 8.0;

/// The document's octets.
pub(crate) fn written(paper: &Paper, faces: &Faces, laid: Laid) -> Result<Vec<u8>, PaperError> {
    let configuration = ConfigurationBuilder::new()
        .with_version(PdfVersion::Pdf17)
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| PaperError::Norm(format!("{error:?}")))?;
    let mut document = Document::new_with(SerializeSettings {
        compress_content_streams: true,
        no_device_cs: false,
        xmp_metadata: true,
        enable_tagging: true,
        configuration,
        ..SerializeSettings::default()
    });
    let count = laid.pages.len();
    let mut identifiers: Vec<Vec<Option<Identifier>>> = Vec::with_capacity(count);
    for (number, pieces) in laid.pages.iter().enumerate() {
        let settings = PageSettings::from_wh(PAGE_WIDTH, PAGE_HEIGHT)
            .ok_or_else(|| PaperError::Norm("a page without a size".into()))?;
        let mut page = document.start_page_with(settings);
        let mut surface = page.surface();
        let mut own = Vec::with_capacity(pieces.len());
        for piece in pieces {
            let tag = if piece.is_content {
                ContentTag::Span(SpanTag::empty())
            } else {
                ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout))
            };
            let identifier = surface.start_tagged(tag);
            for mark in &piece.marks {
                draw(&mut surface, faces, mark);
            }
            surface.end_tagged();
            own.push(piece.is_content.then_some(identifier));
        }
        running(&mut surface, faces, paper, number + 1, count);
        surface.finish();
        page.finish();
        identifiers.push(own);
    }
    document.set_tag_tree(tree(paper, &laid, &identifiers));
    document.set_outline(outline(&laid.mentions));
    document.set_metadata(metadata(paper));
    document.finish().map_err(|error| PaperError::Norm(format!("{error:?}")))
}

fn metadata(paper: &Paper) -> Metadata {
    Metadata::new()
        .title(paper.title.clone())
        .description(paper.subject.clone())
        .language(paper.language.clone())
        .creator(paper.producer.clone())
        .producer(paper.producer.clone())
        .document_id(paper.identity.clone())
}

fn fill([red, green, blue]: Colour) -> Fill {
    Fill {
        paint: rgb::Color::new(red, green, blue).into(),
        opacity: NormalizedF32::ONE,
        rule: FillRule::NonZero,
    }
}

fn draw(surface: &mut Surface<'_>, faces: &Faces, mark: &Mark) {
    match mark {
        Mark::Text { x, y, size, weight, colour, text } => {
            // Nothing to draw, and nothing that a reader could be told of.
            if text.is_empty() {
                return;
            }
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*colour)));
            let face = faces.of(*weight);
            surface.draw_glyphs(
                Point::from_xy(*x, *y),
                &face.glyphs(text),
                face.font.clone(),
                text,
                *size,
                false,
            );
        }
        Mark::Fill { points, colour } => {
            surface.set_stroke(None);
            surface.set_fill(Some(fill(*colour)));
            path(surface, points, true);
        }
        Mark::Stroke { points, colour: [red, green, blue], width } => {
            surface.set_fill(None);
            surface.set_stroke(Some(Stroke {
                paint: rgb::Color::new(*red, *green, *blue).into(),
                width: *width,
                ..Stroke::default()
            }));
            path(surface, points, false);
        }
    }
}

fn path(surface: &mut Surface<'_>, points: &[(f32, f32)], is_closed: bool) {
    let mut builder = PathBuilder::new();
    for (place, (x, y)) in points.iter().enumerate() {
        if place == 0 {
            builder.move_to(*x, *y);
        } else {
            builder.line_to(*x, *y);
        }
    }
    if is_closed {
        builder.close();
    }
    if let Some(path) = builder.finish() {
        surface.draw_path(&path);
    }
}

/// The head and the foot of a page.
fn running(surface: &mut Surface<'_>, faces: &Faces, paper: &Paper, number: usize, count: usize) {
    let words = paper.page_words.replace("{n}", &number.to_string()).replace("{m}", &count.to_string());
    let face = faces.of(Weight::Regular);
    let first = |text: &str, width: f32| {
        let all = lines::broken(face, SMALL, width, &lines::prepared(faces, text));
        let head = all[0].trim_end().to_owned();
        if all.len() > 1 { head + " …" } else { head }
    };
    let text = |x: f32, y: f32, text: String| Mark::Text {
        x,
        y,
        size: SMALL,
        weight: Weight::Regular,
        colour: QUIET,
        text,
    };
    let rule = |y: f32| Mark::Stroke { points: vec![(SIDE, y), (SIDE + WIDTH, y)], colour: RULE, width: 0.6 };
    let right = first(&paper.head_right, WIDTH * 0.5);
    let right_x = SIDE + WIDTH - face.width(&right, SMALL);
    let page_x = SIDE + WIDTH - face.width(&words, SMALL);
    let head =
        vec![text(SIDE, 42.0, first(&paper.head_left, WIDTH * 0.44)), text(right_x, 42.0, right), rule(48.0)];
    let foot =
        vec![rule(792.0), text(SIDE, 806.0, first(&paper.foot, WIDTH * 0.72)), text(page_x, 806.0, words)];
    for (kind, marks) in [(ArtifactType::Header, head), (ArtifactType::Footer, foot)] {
        surface.start_tagged(ContentTag::Artifact(Artifact::with_kind(kind)));
        for mark in &marks {
            draw(surface, faces, mark);
        }
        surface.end_tagged();
    }
}

fn tree(paper: &Paper, laid: &Laid, identifiers: &[Vec<Option<Identifier>>]) -> TagTree {
    let mut tree = TagTree::new().with_lang(Some(paper.language.clone()));
    for root in &laid.roots {
        tree.push(group(laid, identifiers, *root));
    }
    tree
}

/// An element with all below it; the tree is five deep at most.
fn group(laid: &Laid, identifiers: &[Vec<Option<Identifier>>], place: usize) -> TagGroup {
    let element = &laid.elements[place];
    let mut group = TagGroup::new(kind(&element.kind));
    for child in &element.children {
        let node: Option<Node> = match child {
            Child::Element(place) => Some(self::group(laid, identifiers, *place).into()),
            Child::Piece(page, piece) => identifiers[*page][*piece].map(Into::into),
        };
        if let Some(node) = node {
            group.push(node);
        }
    }
    group
}

fn kind(kind: &Kind) -> TagKind {
    match kind {
        Kind::Heading(level, text) => {
            let level = NonZeroU16::new(u16::from(*level)).unwrap_or(NonZeroU16::MIN);
            Tag::Hn(level, Some(text.clone())).into()
        }
        Kind::Paragraph => Tag::P.into(),
        Kind::Table => Tag::Table.into(),
        Kind::TableHead => Tag::THead.into(),
        Kind::TableBody => Tag::TBody.into(),
        Kind::Row => Tag::TR.into(),
        Kind::ColumnHead => Tag::TH(TableHeaderScope::Column).into(),
        Kind::RowHead => Tag::TH(TableHeaderScope::Row).into(),
        Kind::Cell => Tag::TD.into(),
        Kind::Figure(told) => Tag::Figure(Some(told.clone())).into(),
    }
}

fn node(mention: &Mention) -> OutlineNode {
    OutlineNode::new(mention.text.clone(), XyzDestination::new(mention.page, Point::from_xy(SIDE, mention.y)))
}

/// Bookmarks: each below the last of a lesser level.
fn outline(mentions: &[Mention]) -> Outline {
    let mut outline = Outline::new();
    let mut open: Vec<(u8, OutlineNode)> = Vec::new();
    let close = |open: &mut Vec<(u8, OutlineNode)>, outline: &mut Outline, level: u8| {
        while open.last().is_some_and(|(own, _)| *own >= level) {
            let Some((_, node)) = open.pop() else { break };
            match open.last_mut() {
                Some((_, parent)) => parent.push_child(node),
                None => outline.push_child(node),
            }
        }
    };
    for mention in mentions {
        close(&mut open, &mut outline, mention.level);
        open.push((mention.level, node(mention)));
    }
    close(&mut open, &mut outline, 0);
    outline
}
