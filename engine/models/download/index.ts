export {
  download,
  type Downloaded,
  type DownloadOptions,
  type DownloadProgress,
} from './download.ts'
export { discardFiles, getFiles, wantedFiles, type GetOptions, type WantedFile } from './get.ts'
export {
  chooseFor,
  fileUrl,
  parseHubRef,
  readRepo,
  searchHub,
  type HubChoice,
  type HubFile,
  type HubRef,
  type HubRepo,
} from './hub.ts'
export { Net, type NetOptions } from './net.ts'
export { discardDownload } from './state.ts'
export { look, planOf, type Look, type Plan } from './plan.ts'
