"""Vendors of pictures, sounds, transcripts and pages, as their documentation has them; none was tried live."""
