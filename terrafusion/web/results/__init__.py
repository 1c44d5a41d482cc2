"""Results as pages show them: a document in, sections of pictures and tables out. One file a type."""
