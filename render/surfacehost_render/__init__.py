"""Markdown for chat surfaces."""
