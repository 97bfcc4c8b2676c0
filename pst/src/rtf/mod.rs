//! Rich text as stores hold it: decompressed, and turned back into the HTML or text that it wraps.
//! Never writes RTF.
