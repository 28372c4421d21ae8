"""`python -m humiao.cli`, which is how the launcher starts its processes."""

from humiao.cli import app

app(prog_name="humiao")
