/** Texts by what the prompt ends with. */
export type Scripts = Readonly<Record<string, readonly string[]>>

/** What scripted models say in the tests of the window: paths behind `?` or `？`, summaries behind `.` or `。`. */

export const CODE: Scripts = {
  '?': [
    'The function splits the text and keeps the longest word.\n\n```python\ndef longest_word(text):\n    """Returns the longest word of a text."""\n    words = text.split()\n    return max(words, key=len)\n```\n\nIt runs in O(n).',
    'Here is a short version:\n\n```python\ndef longest_word(text):\n    best = ""\n    for word in text.split():\n        if len(word) > len(best):\n            best = word\n    return best\n```\n\nThe answer is O(n).',
    '```python\nimport re\n\ndef longest_word(text):\n    words = re.findall(r"[A-Za-z]+", text)\n    words = text.split() if not words else words\n    return max(words, key=len, default="")\n```\n\nThis one ignores punctuation.',
    'One line does it:\n\n```python\ndef longest_word(text):\n    return max(text.split(), key=len, default="")\n```\n',
  ],
  '.': [
    'This program handles empty texts and punctuation:\n\n```python\nimport re\n\n\ndef longest_word(text: str) -> str:\n    """Returns the longest word of a text; an empty one if it has none."""\n    words = re.findall(r"\\w+", text)\n    return max(words, key=len, default="")\n```\n',
  ],
}

/** Programs of which two return the same; the point ends the request for calls. */
export const PROGRAMS: Scripts = {
  '?': [
    'Add them up:\n\n```python\ndef total(items):\n    return sum(items)\n```\n',
    '```python\ndef total(values):\n    result = 0\n    for value in values:\n        result += value\n    return result\n```\nIn O(n).',
    '```python\ndef total(x):\n    return max(x)\n```\n',
  ],
  '.': ['total([1, 2, 3])\ntotal([])\ntotal([5])\ntotal([-4, 4])\n'],
  '!': ['Merged:\n\n```python\ndef total(a):\n    return sum(a, 0)\n```\n'],
}

/** Programs that read standard input, and inputs for them. */
export const READERS: Scripts = {
  '?': [
    '```python\nimport sys\nprint(len(sys.stdin.readlines()))\n```\n',
    'So:\n\n```python\nprint(len(open(0).read().splitlines()))\n```\n',
    '```python\nlines = [input()]\nprint(len(lines))\n```\n',
  ],
  '.': ['```\na\n```\n```\nb\nc\n```\n'],
}

/** What a model writes that splits its task: its plans, its children behind `:`, and what follows them. */
export const FORKS: Scripts = {
  '<Think>': [
    'Count them in two ways.\n<Parallel>\n<Goal>\n<Outline>\n1: By rows.\n</Outline>\n<Outline>\n2: By columns.\n</Outline>\n</Goal>',
  ],
  ':': [
    ' There are three rows of four, so twelve.</Path>',
    ' Four columns hold three each: 12.</Path>',
    ' Split this again.\n<Goal>\n<Outline>\n1.1: First half.\n</Outline>\n<Outline>\n1.2: Second half.\n</Outline>\n</Goal>',
  ],
  '\n': ['Both ways agree.\n</Conclusion>\n</Parallel>\nThe answer is \\boxed{12}.'],
}

export const PROOF: Scripts = {
  '?': [
    'Suppose the square root of 2 is a fraction a/b in lowest terms. Then a squared equals two times b squared, so a is even. Write a as 2c; then b squared is two times c squared, so b is even as well. Both even contradicts lowest terms, hence no such fraction exists.',
    'Assume that sqrt(2) = a/b with a and b coprime. Squaring gives that a squared is twice b squared, so a is even. Put a = 2c and it follows that b is even as well, which contradicts that they are coprime. So it is irrational.',
    'We argue by infinite descent. If a/b were the root, then (2b - a)/(a - b) would be the same number with a smaller denominator. Repeating this forever is impossible for positive integers. Hence the root is irrational.',
  ],
  '.': [
    'Claim: the square root of 2 is irrational. Proof: let it be a/b in lowest terms. From 2b² = a² we see that a is even, say a = 2c. Then b² = 2c², so b is even too, against lowest terms. This contradiction proves the claim.',
  ],
}

export const IDEAS: Scripts = {
  '?': [
    '1. A walk along the river with a guide who knows the birds.\n2. Cooking soup together in three small teams.\n3. A quiz about the last project, with silly prizes.',
    '- Cooking a soup together in small teams.\n- A long walk along the river with a guide.\n- Drawing the office as it will look in fifty years.',
    '* Build bridges out of paper and test them with apples.\n* A quiz about the last project, with very silly prizes.\n* Cook soup together, in three teams.',
  ],
  '.': [
    'Start with a guided walk along the river, cook soup in three teams at noon, and end with a quiz with silly prizes. Keep drawing materials at hand for the breaks.',
  ],
}

export const CHINESE: Scripts = {
  '？': [
    '春天适合去山里徒步，看看花。夏天可以去海边游泳，吃新鲜的水果。秋天在城里逛书店也很舒服。',
    '我建议夏天去海边游泳，也吃些新鲜水果。冬天泡温泉，晚上一起做饭聊天。',
    '可以先去山里徒步，看看春天的花，然后回城里听一场音乐会。',
  ],
  '。': ['春天去山里徒步看花，夏天到海边游泳，秋天逛书店，冬天泡温泉。四季各有安排，费用也不高。'],
}

export const THINKING: Scripts = {
  '?': [
    '<think>There are three trains per hour, so eight hours give 24. But two are cancelled. That leaves 22, and I checked it twice.</think>\nThree trains an hour for eight hours are 24; without the two that were cancelled, \\boxed{22} ran.',
    '<think>Eight times three is 24, minus two. Or is one of them a bus? No, the text says trains.</think>\n24 were planned and two cancelled, so \\boxed{22} trains ran.',
    '<think>Hmm, 8 + 3 = 11? No idea, I will go with adding.</think>\nAdding eight and three, I get \\boxed{11} trains.',
  ],
  '.': [
    '<think>Two of them multiply, which is right here.</think>\nTwo attempts multiply correctly: 8 · 3 − 2 = \\boxed{22}',
  ],
}

/** A run that says a script: every path once, then the summary. */
export interface Said {
  problem: string
  paths: string[]
  summary: string
}

/** Returns the texts of a script in English as those of one run. */
export const said = (scripts: Scripts): Said => ({
  problem: 'What would you say?',
  paths: [...scripts['?']!],
  summary: scripts['.']![0]!,
})

/** Four answers, and what judges of two of them say. */
export const JUDGED: Scripts = {
  '?': [
    'Take the morning train: it is cheap, and you can work on the way.',
    'Drive at night. Roads are empty then, though nobody gets much sleep.',
    'Fly from the small airport; book early and bring only hand luggage.',
    'Go by bicycle along both rivers, with stops at three villages.',
  ],
  '.': [
    'The first one weighs price against time and says why.\nIts rival gives only half of that.\n\nBetter: 1',
    'Here the other attempt names costs which are missing before.\nI would follow it.\n\nBetter: 2',
  ],
}
