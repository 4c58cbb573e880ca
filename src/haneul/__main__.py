"""python -m haneul"""

from haneul.cli.main import main

main(prog_name="haneul")
