import type { ErrorDetail, NoticeCode } from '../../../engine/protocol/wording.ts'

/** What runs and the host say, in Chinese. The keys are those of the protocol's English tables. */

export const notices: Record<NoticeCode, string> = {
  'gpu-memory': '{device} 显存不足：{all} 层中只有 {layers} 层放在其上。',
  'template-fallback': '{reason} 问题以纯文本给出。',
  'reread-fusion': '此模型没有并行思考的控制词元：在新的提示中重读各路径的文本来融合。',
  'beyond-trained-context':
    '提示、路径和总结最远可到位置 {longest}，而模型只训练到 {positions}。超出部分质量可能下降。',
  'budget-cut':
    '{context} 个单元的上下文放不下 {paths} 条各 {budget} 词元的路径：若每条都思考很久，各自约得 {share} 词元。',
  'context-shrunk':
    '内存不足：上下文只有 {cells} 个单元，而不是 {wanted} 个。放不下的路径会提前结束。',
  'path-cut': '路径 {path} 放不下：重读时略去其中间的 {removed} 个词元。',
  'nothing-to-summarise': '没有可供总结的路径文本。',
  'some-to-summarise': '{groups} 组运行中有 {without} 组没有可供总结的文本。',
  scope: '没有找到答案。模型自述：{scope}',
}

export const errors: Record<ErrorDetail, string> = {
  'bad-combination/encoder': '带编码器的模型无法在此运行：请选择仅含解码器的模型。',
  'bad-combination/no-control-tokens':
    '此模型没有从缓存融合路径所需的控制词元：请选择通过重读融合。',
  'bad-request/ended-by-itself': '路径 {path} 已自行结束：要让它继续思考，请在更早的词元处分叉。',
  'bad-request/empty-prompt': '问题中没有词元。',
  'bad-request/no-text': '路径 {path} 没有可以接着写的文本。',
  'bad-request/no-text-to-summarise': '路径 {path} 没有可供总结的文本。',
  'bad-request/nothing-to-choose': '已结束的路径都没有给出可选的答案。',
  'bad-request/nothing-to-summarise': '还没有可供总结的路径文本。',
  'cancelled/run': '已取消。',
  'cannot-join/memory': '此模型的路径无法从缓存融合（{memory} 记忆）：请选择通过重读融合。',
  'context-too-small/cells':
    '问题（{prompt} 个词元）、{paths} 条路径和总结至少需要 {least} 个单元，而上下文只有 {context} 个。',
  'context-too-small/positions': '问题占 {prompt} 个词元，而此模型最多读取 {positions} 个。',
  'context-too-small/reread':
    '重读 {paths} 条路径，除提示和总结外还需容纳 {least} 个词元，但只剩 {room} 个：请增大上下文，或减少路径。',
  'disk-full/write': '磁盘已满。请腾出一些空间后重试。',
  'model-not-found/missing': '没有文件 {file}。',
  'model-not-found/none': '此 Braid 没有自带模型：请指定一个 GGUF 文件。',
  'model-not-found/unreadable': '无法读取 {file}：{reason}',
  'no-such-path/missing': '没有路径 {path}。',
  'no-such-path/dropped': '路径 {path} 已丢弃。',
  'no-such-path/member': '没有 {member} 的答案可选。',
  'not-running/cancel': '运行已结束：没有可取消的内容。',
  'not-running/closed': '运行已关闭。',
  'not-running/path': '路径 {path} 没有在思考：没有可停止的内容。',
  'not-running/stop': '运行已结束：没有可停止的内容。',
  'out-of-memory/cells':
    '{cells} 个词元的 KV 缓存需要 {needed} GB，而可用内存为 {free} GB。请减少路径、缩短预算，或选用更小的 KV 缓存类型。',
  'out-of-range/branch': '路径 {path} 有 {tokens} 个词元：无法在第 {at} 个处分叉。',
  'out-of-range/token': '没有词元 {token}：词表共有 {vocabulary} 个。',
  'too-many-paths/branch': '一次运行最多有 {most} 条路径：请先丢弃一条。',
  'too-many-paths/context': '{groups} 组各 {size} 条路径超出一个上下文的容量：每组最多 {room} 条。',
  'too-many-paths/groups': '{groups} 组超出一个上下文的容量：最多 {room} 组。',
  'too-many-paths/no-rows': '此模型的思路表中没有可供路径使用的行：请关闭思路嵌入。',
  'too-many-paths/rows':
    '此模型的思路表只有 {rows} 条路径的行，不够 {wanted} 条：请最多用 {most} 条，或关闭思路嵌入。',
  'too-many-paths/sequences': '上下文中没有可供新路径使用的序列了。',
  'too-many-paths/trained':
    '此模型训练了 {trained} 条路径，不支持 {wanted} 条：请最多用 {most} 条。',
  'too-many-paths/trained-reuse':
    '此模型训练了 {trained} 条路径，不支持 {wanted} 条：请最多用 {most} 条，或复用其控制词元（--reuse-tokens）。',
  'wrong-model/server': '此次运行的模型在服务器上，无法在这里继续。',
  'wrong-model/header': '{file} 不是此运行所用的模型。',
}
