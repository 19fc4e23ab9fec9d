import type { inspect as en } from '../en/inspect.ts'

export const inspect: Record<keyof typeof en, string> = {
  'inspect.title': '词元',
  'inspect.back': '运行',
  'inspect.which': '路径或总结',
  'inspect.summary': '总结 v{{version}}',
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
  'inspect.fork': '分叉',
  'inspect.forced': '由引擎写入，并非采样。',
  'inspect.alternatives': '备选',
  'inspect.loading': '正在读取……',
  'inspect.noAlternatives': '没有记录。请在运行前设置“每个词元的备选数”。',
  'inspect.forkHere': '在此分叉：新路径以此词元继续',
  'inspect.forkWith': '以 {{text}} 分叉',
  'inspect.siblings': '相同开头：',
  'inspect.keys': '方向键：词元与路径；Shift+方向键：开头相同的路径；Enter：备选。',

  'attr.title': '总结关注了什么',
  'attr.what':
    '答案来自哪条路径？本次运行的词元会在单独的上下文中重读一遍（关闭 flash attention），并把每一层、每一个头的注意力相加。',
  'attr.read': '重读并计算',
  'attr.again': '重试',
  'attr.reading': '正在重读本次运行 …',
  'attr.cancelling': '正在取消 …',
  'attr.scope': '总结的词元',
  'attr.all': '整个总结',
  'attr.answer': '其中的答案',
  'attr.row':
    '路径 {{path}}，{{tokens}} 个词元：占注意力的 {{share}}，在词元 {{index}} 处占 {{here}}。在文本中显示',
  'attr.rest': '其余归于提示（{{prompt}}）和总结自身（{{own}}）。',
  'attr.how':
    '上条：全部词元；下条：词元 {{index}}，即指针或光标所在处。为各层各头的平均；路径越长，可关注的内容越多。',

  'compare.which': '要对比的路径',
  'compare.two': '请选择两条或更多路径。',
  'compare.noParting': '一条是另一条的开头。',
  'compare.parting': '在词元 {{at}} 分开：',
  'compare.inspect': '查看词元 {{at}}',
  'compare.runs': '并排的运行',
}
