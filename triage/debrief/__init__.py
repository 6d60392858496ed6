"""The debrief of an incident: one document for the committee, as Markdown and as HTML with its picture inside."""
