import type { inspect as en } from '../en/inspect.ts'

export const inspect: Record<keyof typeof en, string> = {
  'inspect.title': '词元',
  'inspect.back': '运行',
  'inspect.which': '路径或总结',
  'inspect.tokens': '{{name}} 的词元',
  'inspect.detail': '词元',
  'inspect.token': '词元 {{index}}',
  'inspect.empty': '还没有词元。',
  'inspect.sure': '确定',
  'inspect.unsure': '不确定',
  'inspect.heat': '着色依据',

  'heat.logprob': '对数概率',
  'heat.entropy': '熵',
  'heat.none': '无',

  'inspect.whitespace': '空白',
  'inspect.probability': '概率',
  'inspect.logprob': '对数概率',
  'inspect.entropy': '熵',
  'inspect.text': '文本',
  'inspect.members': '各路径给出的概率',
  'inspect.member': '路径',
  'inspect.fork': '分叉',
  'inspect.forced': '由引擎写入，并非采样。',
  'inspect.alternatives': '备选',
  'inspect.loading': '正在加载……',
  'inspect.noAlternatives': '没有记录。请在开始运行前设置“每个词元的备选数”。',
  'inspect.forkHere': '在此分叉：以此词元开始一条新路径',
  'inspect.forkWith': '以 {{text}} 分叉',
  'inspect.siblings': '前缀相同：',
  'inspect.keys': '方向键：词元、路径；Shift+方向键：前缀相同的路径；Enter：备选。',

  'attr.title': '答案参考了哪些路径',
  'attr.what':
    '答案来自哪条路径？Braid 会在单独的上下文中重读本次运行的词元（关闭 Flash Attention），并对所有层和注意力头取平均。',
  'attr.read': '分析注意力',
  'attr.again': '重试',
  'attr.reading': '正在重读本次运行……',
  'attr.cancelling': '正在取消……',
  'attr.scope': '总结的范围',
  'attr.all': '整个总结',
  'attr.answer': '仅答案',
  'attr.row':
    '路径 {{path}}，{{tokens}} 个词元：占注意力的 {{share}}，在词元 {{index}} 处占 {{here}}。在文本中显示',
  'attr.rest': '其余归于提示（{{prompt}}）和总结自身（{{own}}）。',
  'attr.how':
    '上条：各词元的平均值；下条：词元 {{index}}，即指针或光标所在处。路径越长，可关注的内容越多。',

  'compare.which': '要对比的路径',
  'compare.two': '请选择两条或更多路径。',
  'compare.noParting': '一条路径是另一条的前缀。',
  'compare.parting': '从词元 {{at}} 起不同：',
  'compare.inspect': '查看词元 {{at}}',
  'compare.runs': '并排对比运行',
}
