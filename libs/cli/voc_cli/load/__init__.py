"""`voc load`: files of feedback or activities through the front door, resumable, with nothing lost silently."""
