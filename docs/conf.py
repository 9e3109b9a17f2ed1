"""Sphinx's settings for the site: `make docs` builds it, and every warning is an error."""

import rl_intdim

project = "rl_intdim"
author = "the rl_intdim authors"
version = release = rl_intdim.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"rl_intdim {release}"
html_copy_source = False
html_show_copyright = False
html_static_path = ["_static"]
html_css_files = ["site.css"]

# The notebook's outputs are committed, and tests/test_tutorial.py executes it.
nb_execution_mode = "off"
nb_merge_streams = True

myst_heading_anchors = 3

autoclass_content = "both"  # the docstrings of classes and of their __init__
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
default_role = "code"  # docstrings are plain text with Markdown's backticks
