//! Aligned columns that fit a terminal: only names are shortened, never numbers.
//! Never knows what it shows.

use console::{Alignment, measure_text_width, pad_str, truncate_str};

use super::{Look, clean};

/// Blanks between two columns.
const GAP: usize = 2;

/// Columns that a shortened name keeps at least.
const NAME_COLUMNS_MIN: usize = 12;

/// One column.
#[derive(Debug, Clone)]
pub struct Column {
    title: String,
    is_number: bool,
}

impl Column {
    /// Text, at the left.
    pub fn text(title: &str) -> Self {
        Self { title: title.to_owned(), is_number: false }
    }

    /// Numbers, at the right.
    pub fn number(title: &str) -> Self {
        Self { title: title.to_owned(), is_number: true }
    }
}

/// Rows below titles.
#[derive(Debug, Clone)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    total: Option<Vec<String>>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new(), total: None }
    }

    /// Adds a row; cells come from outside and are cleaned.
    pub fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a row has as many cells as there are columns");
        self.rows.push(cells.iter().map(|cell| clean(cell)).collect());
    }

    /// Sets the row below the rule.
    pub fn total(&mut self, cells: Vec<String>) {
        self.total = Some(cells);
    }

    /// The whole table, each line ended.
    pub fn render(&self, look: Look) -> String {
        let widths = self.widths(look);
        let titles: Vec<String> = self.columns.iter().map(|column| column.title.clone()).collect();
        let mut text = look.strong(&self.line(&titles, &widths));
        text.push('\n');
        for row in &self.rows {
            text.push_str(&self.line(row, &widths));
            text.push('\n');
        }
        if let Some(total) = &self.total {
            let whole = widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
            text.push_str(&"-".repeat(whole));
            text.push('\n');
            text.push_str(&look.strong(&self.line(total, &widths)));
            text.push('\n');
        }
        text
    }

    fn line(&self, cells: &[String], widths: &[usize]) -> String {
        let mut line = String::new();
        for (index, ((cell, column), width)) in cells.iter().zip(&self.columns).zip(widths).enumerate() {
            if index > 0 {
                line.push_str(&" ".repeat(GAP));
            }
            let short = truncate_str(cell, *width, "…");
            let alignment = if column.is_number { Alignment::Right } else { Alignment::Left };
            line.push_str(&pad_str(&short, *width, alignment, None));
        }
        line.truncate(line.trim_end().len());
        line
    }

    fn widths(&self, look: Look) -> Vec<usize> {
        let mut widths: Vec<usize> =
            self.columns.iter().map(|column| measure_text_width(&column.title)).collect();
        for row in self.rows.iter().chain(&self.total) {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(measure_text_width(cell));
            }
        }
        let Some(edge) = look.width else { return widths };
        let whole = |widths: &[usize]| widths.iter().sum::<usize>() + GAP * widths.len().saturating_sub(1);
        while whole(&widths) > edge {
            let names = widths.iter_mut().zip(&self.columns).filter(|(_, column)| !column.is_number);
            let Some((widest, _)) = names.max_by_key(|(width, _)| **width) else { break };
            if *widest <= NAME_COLUMNS_MIN {
                break;
            }
            *widest -= 1;
        }
        widths
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table =
            Table::new(vec![Column::text("Folder"), Column::text("Note"), Column::number("Copied")]);
        table.row(vec!["Orçamentos e contas de 2024".into(), String::new(), "12".into()]);
        table.row(vec!["日本".into(), "new\u{7}".into(), "1,000".into()]);
        table.total(vec!["2 folders".into(), String::new(), "1,012".into()]);
        table
    }

    #[test]
    fn columns_are_aligned_whatever_the_script() {
        let expected = "\
Folder                       Note  Copied
Orçamentos e contas de 2024            12
日本                         new\u{fffd}   1,000
-----------------------------------------
2 folders                           1,012
";
        assert_eq!(table().render(Look::default()), expected);
    }

    #[test]
    fn only_names_give_way_to_the_edge() {
        let text = table().render(Look { width: Some(30), has_colour: false });
        assert!(text.contains("Orçamentos e co…"), "{text}");
        assert!(text.lines().all(|line| measure_text_width(line) <= 30), "{text}");
        let text = table().render(Look { width: Some(5), has_colour: false });
        assert!(
            text.contains("1,012") && text.contains("Orçamentos…") || text.contains("Orçamentos …"),
            "{text}"
        );
    }
}
