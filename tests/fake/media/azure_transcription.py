"""The host of Azure's transcripts."""

from tests.fake.media import azure

PREFIX = "/azure-transcription/speechtotext"
error = azure.error
answer = azure.heard
