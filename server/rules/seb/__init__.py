"""Safe Exam Browser: its settings files and what it says at a page. Pure; nothing here runs SEB.

Sources: safeexambrowser.org/developer (file format, Config Key, JavaScript API); where pages and programs
differ, what the programs write and read: seb-win-refactoring, seb-mac, moodle quizaccess_seb.
"""
