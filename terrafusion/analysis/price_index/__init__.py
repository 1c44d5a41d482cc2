"""One constant-quality index by seven published methods."""
