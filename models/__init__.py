"""The vocabulary: what a job is, what the messages say, how the tables look. No I/O."""
