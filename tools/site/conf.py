"""Configuration of Sphinx for the documentation site; tools/docs puts the pages together and runs it."""

project = "realtime.edge"
copyright = "realtime.edge contributors. GPL-3.0-or-later"
html_title = "realtime.edge"
html_theme = "furo"
html_show_sphinx = False
html_static_path = ["static"]
html_css_files = ["site.css"]
extensions = ["myst_parser", "sphinx_antsibull_ext", "sphinx_copybutton"]
exclude_patterns = ["_build"]
myst_heading_anchors = 4  # links to headings, as GitHub makes them
suppress_warnings = ["myst.header"]  # some pages leave a level of headings out
highlight_language = "text"
