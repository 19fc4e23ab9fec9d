import type { ErrorDetail, NoticeCode, ReasonCode } from '../../../engine/protocol/wording.ts'
import { moreErrors } from './wording-more.ts'

/** Notices, errors and reasons in Chinese. The keys are those of the protocol's English tables. */

export const notices: Record<NoticeCode, string> = {
  'workers-missing': '{reason}本次运行改为只在本机上继续，不再使用协作机。',
  'gpu-memory': '{device} 显存不足，放不下整个模型：{all} 层中只有 {layers} 层在其上运行。',
  'template-variable': '模型的聊天模板不读取 {name}，该设置不起作用。',
  'convert-no-template':
    '文件夹中没有聊天模板：提示以纯文本交给模型，这适用于基础模型。若是聊天模型，请将其模板以 chat_template.jinja 放入该文件夹并重新转换。',
  'convert-templates':
    '文件夹中的聊天模板名为 {names}，没有默认模板：提示以纯文本交给模型，这适用于基础模型。若是聊天模型，请将其模板以 chat_template.jinja 放入该文件夹并重新转换。',
  'convert-shards': '已转换 {file}；与 transformers 一样，没有使用旁边的分片。',
  'convert-untied':
    'config.json 声明了 tie_word_embeddings，但 {output} 与 {embedding} 不同。与 transformers 5 一样，两者都已转换，互不绑定。',
  'convert-end':
    '{token} 在 transformers 中结束生成，但 GGUF 中已没有位置容纳此类词元；在此它不会结束生成。',
  'template-fallback': '{reason} 问题以纯文本发送。',
  'reread-fusion':
    '此模型未经并行思考训练。Braid 会采样多条路径，需要总结时再让模型将其融合：请对照各路径检查总结。',
  'cache-fusion':
    '此模型未经并行思考训练。Braid 会采样多条路径，需要总结时再由模型从缓存将其融合：请对照各路径检查总结。',
  'beyond-trained-context':
    '提示、路径和总结最远可到位置 {longest}，而模型只训练到 {positions}。超出部分的质量可能下降。',
  'budget-cut':
    '{context} 个单元的上下文放不下 {paths} 条各 {budget} 个词元的路径。若每条都思考很久，各自约得 {share} 个词元。',
  'context-shrunk':
    '内存不足：上下文只有 {cells} 个单元，而不是 {wanted} 个。放不下的路径会提前结束。',
  'threads-fewer': '其他程序正在占用处理器，Braid 在此期间减少线程：还剩 {threads} 个。',
  'processor-crowded':
    '其他程序正在占用处理器，使本次运行慢得多。本次运行保持 {threads} 个线程；减少线程可能会快很多。',
  'stopped-decided':
    '在 {of} 条路径中的 {paths} 条之后停止：对答案有 {sure} % 的把握；约节省 {saved} % 的词元。',
  'stopped-stable':
    '每条路径 {tokens} 个词元后停止：{asked} 条路径中有 {agree} 条持续给出同一答案；最多节省 {saved} % 的词元。',
  'path-deviates': '路径 {path} 已丢弃：途中询问时，它一直与多数路径不一致。',
  'stopped-first':
    '前 {paths} 条路径（共 {of} 条）完成后停止；其余路径已写出 {cut} 个词元，不参与表决。',
  'path-waits': '路径 {path} 正在等待其他路径或运行释放上下文空间。',
  'path-cut': '路径 {path} 太长，无法完整重读：略去其中间的 {removed} 个词元。',
  'path-shortened': '路径 {path} 太长，无法完整融合：略去其开头的 {removed} 个词元。',
  'thoughts-open': '没有路径完成思考，因此总结只读取每条路径的最后 {tail} 个词元。',
  'fork-unread': '路径 {path} 的计划没有编号条目，因此不分叉，继续写下去。',
  'fork-wide': '路径 {path} 的计划条目过多，因此不分叉，继续写下去。',
  'fork-deep': '路径 {path} 的计划嵌套过深，因此不分叉，继续写下去。',
  'fork-room': '路径 {path} 的计划之后余量不足，因此不分叉，继续写下去。',
  'nothing-to-summarise': '没有路径包含可供总结的文本。',
  'nothing-to-count': '此问题没有单一数值，因此无票可计。请融合各路径以得到一个答案。',
  'nothing-to-count-first':
    '此问题没有单一数值，因此无票可计：以第一份总结为答案。可融合全部路径，得到综合各路径的答案。',
  'judges-silent': '{of} 次评判中有 {silent} 次没有选出更好的答案；它们不计给任何一方。',
  'some-to-summarise': '{groups} 组中有 {without} 组没有可供总结的文本。',
  'programs-off': '已关闭运行程序，因此不比较它们的返回结果。',
  'programs-none': '没有尝试包含可在此运行的程序（{reason}），因此不作比较。',
  'programs-one': '只有一次尝试包含可运行的程序，无从比较。',
  'programs-calls': '未找到可用来运行程序的调用，因此不作比较。',
  'programs-results': '没有程序返回结果，因此不作比较。',
  'programs-failed': '无法运行程序：{reason}',
  scope: '未得到答案。关于此模型：{scope}',
  'transcript-restored':
    '此运行的文件曾从 {folder} 消失。Braid 已在原处重新写入；运行内容没有丢失。',
}

export const errors: Record<ErrorDetail, string> = {
  ...moreErrors,
  'bad-combination/encoder': '不支持带编码器的模型，请选择仅含解码器的模型。',
  'bad-combination/no-control-tokens':
    '此模型没有控制词元，无法从缓存融合路径，请选择通过重读融合。',
  'bad-model/incomplete': '文件不完整：现有 {here}，应有约 {all}。请重新下载。',
  'bad-combination/no-forks': '此模型没有用于自行分叉的标记。请选择其他策略。',
  'bad-combination/reads':
    '后一轮的路径无法读取 {reads} 条路径，因为每轮只有 {paths} 条。请最多使用 {paths}（--reads）。',
  'bad-path/relative': '请输入完整路径，例如 /home/you/models/x.gguf。',
  'bad-request/ended-by-itself': '路径 {path} 已自行结束。要继续，请从更早的词元分叉。',
  'bad-request/empty-prompt': '问题为空，请输入一些文字。',
  'bad-request/no-text': '路径 {path} 没有可以继续的文本。',
  'bad-request/no-text-to-summarise': '路径 {path} 没有可供总结的文本。',
  'bad-request/of-rounds': '此总结读取的路径本身以其他路径开头，目前无法说明它关注了哪些路径。',
  'bad-request/merged':
    '合并的答案不关注其他文本：每条路径都在自己的文本之后写出它。词元视图显示每条路径给每个词元的概率。',
  'bad-request/nothing-to-choose': '已完成的路径都没有可选的答案。',
  'bad-request/nothing-to-count': '此问题没有单一数值，因此没有表决。请先更改问题类型。',
  'bad-request/nothing-to-compare': '没有路径包含可能含有程序的文本。',
  'bad-request/not-dropped': '路径 {path} 未被丢弃。',
  'bad-request/not-code': '只有要求代码的问题才比较程序。',
  'bad-request/no-sandbox': '此处无法运行程序。',
  'bad-request/not-a-call': '{call} 不是以具体值为参数的 {name} 调用。',
  'bad-request/nothing-to-summarise': '还没有路径包含可供总结的文本。',
  'bad-request/programs-off': '已关闭运行程序。可在设置的“答案中的程序”中开启。',
  'bad-request/programs-off-run':
    '此运行开始时未启用运行程序（已在设置中关闭，或使用了 --no-run）。请开启后重新运行。',
  'cancelled/run': '已取消。',
  'cannot-join/memory': '此模型（{memory} 记忆）的路径无法从缓存融合，请选择通过重读融合。',
  'context-too-small/cells':
    '问题（{prompt} 个词元）、{paths} 条路径和总结至少需要 {least} 个单元，而上下文只有 {context} 个。请增大上下文、减少路径或缩短问题。',
  'context-too-small/join':
    '融合 {paths} 条路径，除提示和总结外还需容纳 {least} 个词元，但只剩 {room} 个。请增大上下文或减少路径。',
  'context-too-small/positions':
    '问题有 {prompt} 个词元，而此模型最多只能读取 {positions} 个。请缩短问题。',
  'context-too-small/reread':
    '重读 {paths} 条路径，除提示和总结外还需容纳 {least} 个词元，但只剩 {room} 个。请增大上下文或减少路径。',
  'disk-full/write': '磁盘已满。请腾出一些空间后重试。',
  'model-not-found/missing': '{file} 不存在。',
  'model-not-found/none': '此版本的 Braid 没有自带模型，请选择一个 GGUF 文件。',
  'model-not-found/unreadable': '无法读取 {file}：{reason}',
  'no-such-path/missing': '路径 {path} 不存在。',
  'no-such-path/dropped': '路径 {path} 已丢弃。',
  'no-such-path/program': '{member} 没有可选的程序。',
  'no-such-path/member': '{member} 没有可选的答案。',
  'not-running/cancel': '运行已经结束。',
  'not-running/closed': '运行已关闭。',
  'not-running/failed': '运行在开始之前就失败了。',
  'not-running/not-begun': '运行尚未开始。',
  'not-running/path': '路径 {path} 没有在思考，无需停止。',
  'not-running/stop': '运行已经结束。',
  'out-of-memory/cells':
    '{cells} 个词元的 KV 缓存需要 {needed} GB，而可用内存只有 {free} GB。请减少路径、缩小预算，或选用更小的 KV 缓存类型。',
  'out-of-range/export':
    '导出内容过大，无法放入一个文件。请减少一次导出的运行，或从 {folder} 复制其记录文件。',
  'out-of-range/transcript': '{run} 的记录文件有 {size} MB，最多只能打开 {most} MB。',
  'out-of-range/summaries': '一次运行最多有 {most} 个总结。如需更多，请开始新的运行。',
  'out-of-range/branch': '路径 {path} 有 {tokens} 个词元，无法在第 {at} 个处分叉。',
  'out-of-range/token': '词元 {token} 不存在：词表共有 {vocabulary} 个词元。',
  'too-many-paths/all': '一次运行最多有 {most} 条路径（包括已丢弃的）。如需更多，请开始新的运行。',
  'too-many-paths/kept':
    '一次运行的分叉最多可保留其他路径的 {most} 个词元，此运行已保留 {kept} 个。请从更早的词元分叉，或开始新的运行。',
  'too-many-paths/branch': '一次运行最多有 {most} 条路径，请先丢弃一条。',
  'too-many-paths/context':
    '{groups} 组、每组 {size} 条路径超出一个上下文的容量。每组最多 {room} 条。',
  'too-many-paths/groups': '{groups} 组超出一个上下文的容量。最多 {room} 组。',
  'too-many-paths/no-rows': '此模型的思路表没有供路径使用的行。请关闭思路嵌入。',
  'too-many-paths/rows':
    '此模型的思路表只有 {rows} 条路径的行，不够 {wanted} 条。请最多使用 {most} 条，或关闭思路嵌入。',
  'too-many-paths/sequences': '上下文中没有可供新路径使用的空闲序列。',
  'too-many-paths/trained':
    '此模型按 {trained} 条路径训练，不支持 {wanted} 条。请最多使用 {most} 条。',
  'too-many-paths/trained-reuse':
    '此模型按 {trained} 条路径训练，不支持 {wanted} 条。请最多使用 {most} 条，或复用其控制词元（--reuse-tokens）。',
  'wrong-model/server': '此运行的模型在服务器上，服务器不提供其文本的注意力。',
  'wrong-model/header': '{file} 不是此运行所用的模型。',
  'bad-combination/server-merge':
    '合并答案由多条路径的均值解码得出，服务器无法做到，请选择其他策略。',
  'bad-combination/server-forks': '服务器上的模型无法自行分叉文本，请选择其他策略。',
  'bad-combination/server-probes':
    '此服务器只支持对话，无法在途中询问路径，请换一种结束投票的方式。',
  'bad-combination/server-confidence':
    '此服务器不提供最可能的 20 个词元，无法计算路径的置信度，请选择其他权重。',
  'bad-combination/server-setting': '此服务器只支持对话，不接受 {name}，请保留默认值。',
  'bad-combination/server-continue':
    '此服务器只支持对话，无法续写文本或从中分支。请使用接受词元编号的服务器，例如 llama-server 或 vLLM。',
  'bad-combination/schema':
    '模型自行分叉文本时，或表决需要中途询问路径时，无法按 JSON 模式作答。请选择其他策略，或改用其他结束表决的方式。',
  'bad-combination/server-schema':
    '该模型的服务器无法使这段文本符合 JSON 模式。请去掉模式，或选择文件中的模型。',
  'bad-combination/server-device': '服务器上的模型在服务器自己的设备上运行，请不要使用 {name}。',
  'cannot-join/server': '服务器上模型的缓存单元无法拼接，请选择通过重读融合。',
  'context-too-small/server': '文本对服务器来说太长：{reason}',
  'model-not-found/server': '{server} 没有模型 {model}。可用的模型：{models}',
  'template-failed/server': '服务器的对话模板更改、遗漏或重复了消息。',
  'bad-request/server-url':
    '请输入服务器地址，例如 http://127.0.0.1:8080，不含用户名、密码或查询参数。',
  'bad-request/server-key': '{server} 拒绝了密钥，或需要密钥，请检查。',
  'bad-request/worker-address':
    '{address} 不是协作机的地址。请输入 HOST:PORT，例如 192.168.1.20:7717。',
  'bad-request/worker-code':
    '{worker} 不接受该配对码。请检查；那台机器生成配对码时，`braid worker` 会显示它。',
  'bad-request/worker-code-form': '配对码由五组字符组成，每组五个字母或数字。',
  'bad-request/worker-no-code':
    '本机尚未与协作机 {worker} 配对。请在终端中运行该命令以输入配对码，或将配对码放入 BRAID_WORKER_CODE。',
  'bad-combination/worker-version':
    '协作机 {worker} 运行的是 Braid {theirs}（llama.cpp {theirLlama}），而本机是 Braid {ours}（llama.cpp {ourLlama}）。请在两台机器上安装相同版本的 Braid。',
  'io/worker-unreachable':
    '无法连接协作机 {worker}（{reason}）。请检查那台机器是否正在运行 `braid worker`，以及地址是否正确。',
  'io/worker-wrong': '{worker} 的应答不像 Braid 协作机：{reason}。',
  'io/worker-busy': '协作机 {worker} 正在为太多机器计算。请稍后再试。',
  'io/worker-failed': '协作机 {worker} 无法启动其 RPC 服务器：{reason}',
  'native-missing/rpc': '无法加载引擎的协作机部分。请运行 `npm run setup`。',
  'engine-lost/worker':
    '协作机 {worker} 已断开（{reason}）。已写出的内容保留；可以不用协作机继续，或等它恢复运行后再继续。',
  'io/server-unreachable': '无法连接 {server}（{reason}）。请确认服务器正在运行，且地址正确。',
  'io/server-silent': '{server} 已有 {seconds} 秒没有发送任何内容。',
  'io/server-busy': '{server} 的请求过多。请稍后再试，或减少路径数。',
  'io/server-not-ready': '{server} 尚未就绪：{reason}',
  'io/server-refused': '{server} 拒绝了请求（状态 {status}）：{reason}',
  'io/server-redirects': '{server} 指向另一个地址，Braid 不会跟随。请输入服务器本身的地址。',
  'io/server-wrong': '{server} 的回答不符合预期：{reason}。请确认该地址属于兼容 OpenAI 的服务器。',
  'io/server-cut-off': '{server} 的回答中途结束。',
  'io/server-broke': '与 {server} 的连接中断。此服务器只支持对话，因此无法续写文本。',
  'io/server-events': '服务器发送了不是 JSON 的事件：{reason}',
  'io/server-line': '服务器发送了超过 {megabytes} MB 的一行。',
}

export const reasons: Record<ReasonCode, string> = {
  'no-code': '没有代码',
  'no-function': '没有函数',
  'no-program': '没有函数，也没有读取输入的程序',
  'no-script': '没有读取输入的完整程序',
  'no-interpreter': '没有 {name} 的解释器',
  'not-defined': '未定义 {name}',
  'other-language': '用 {name} 编写，而多数不是',
  'too-long': '程序或某个输入过长。',
  lacks: '沙箱中没有 {name}。',
  'lacks-module': '沙箱中没有模块 {name}。',
  'lacks-locales': '沙箱中没有区域设置。',
  'lacks-files': '需要文件，而沙箱中没有。',
  'lacks-network': '需要网络，而沙箱中没有。',
  'lacks-processes': '需要进程，而沙箱中没有。',
  'lacks-threads': '需要线程，而沙箱中没有。',
  'lacks-event-loop': '需要事件循环，而沙箱中没有。',
  'lacks-outside': '需要解释器之外的代码，而沙箱中没有。',
  slow: '耗时过长。',
  'no-time': '没有剩余时间。',
  crash: '使解释器崩溃。',
  recursion: '递归过深。',
  prints: '输出超过 {name} KB。',
  writes: '写出过多。',
  interferes: '干扰自身的运行。',
  unreadable: '无法读取其结果。',
  unsettled: '其 Promise 始终没有结果。',
  exits: '以代码 {name} 退出。',
  'returns-function': '返回了函数或类。',
  'returns-object': '返回了没有可比较的值的对象（{name}）。',
  'returns-symbol': '返回了符号。',
  'returns-promise': '返回的值中含有 Promise。',
  'returns-long': '返回的值超过 64 KB。',
  'returns-items': '返回的值超过 {name} 项。',
  'returns-deep': '返回的值嵌套过深。',
  changes: '将其参数改为 {name}',
  ended: '沙箱已被终止：{name}。',
}
