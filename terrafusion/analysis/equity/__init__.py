"""Equity studies: whether dear and cheap homes, like homes and neighbours are assessed alike."""
