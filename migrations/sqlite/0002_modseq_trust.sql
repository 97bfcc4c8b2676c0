-- Modification sequences that were found to stand still or to lie are not believed again.

ALTER TABLE folder
    ADD COLUMN is_modseq_distrusted INTEGER NOT NULL DEFAULT 0 CHECK (is_modseq_distrusted IN (0, 1));
