"""What feedback is about: pure functions from texts, a taxonomy and a model to causes.

tree       the taxonomy as data: nodes, what makes one valid, what changed between two versions
words      text -> sentences -> words, bounded whatever the text
features   words and pairs of words -> hashed columns and static embedding
tone       severity and sentiment of words
language   the language of a text, or none rather than a guess
model      what training leaves behind, its bytes and its hash
lexicon    words and pairs -> rows of numbers, each worked out once
scorer     texts -> probabilities: the sums of their rows
decisions  probabilities -> verdicts: causes, the words that decided, or unknown
labels     labelled rows from CSV
examples   labelled rows from a taxonomy, and from people
regression softmax regression over cached words
calibration temperature and thresholds from held-out rows
training   labelled rows -> model
"""
