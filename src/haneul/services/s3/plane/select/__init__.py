"""SQL over one object: a lexer, a parser, closures made of what they say, and readers and writers of records."""
