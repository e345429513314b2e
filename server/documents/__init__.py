"""Documents on paper: data builders and the Typst templates beside them (design D16).

Builders make plain JSON values, templates read them as data: no text of an item or a person is ever part of
a template's source. Paper is Chinese whatever language the screens speak.
"""
