// Reads Tandem's package for Salesforce with the library behind Salesforce's own
// command line, and turns it into what a deployment sends.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ComponentSet, MetadataConverter } from '@salesforce/source-deploy-retrieve'

const source = process.env.PACKAGE_DIR
const set = ComponentSet.fromSource(join(source, 'force-app'))
set.sourceApiVersion = JSON.parse(readFileSync(join(source, 'sfdx-project.json'), 'utf8')).sourceApiVersion

const found = [...set.getSourceComponents()].map((c) => `${c.type.name} ${c.fullName}`).sort()
assert.deepEqual(found, [
  'CustomField Activity.CoSell_Activity_Key__c',
  'CustomField Opportunity.CoSell_Origin_Key__c',
  'CustomObject CoSell_Offer__c',
  'CustomObject CoSell_Registration__c',
  'CustomTab CoSell_Offer__c',
  'CustomTab CoSell_Registration__c',
  'PermissionSet Tandem_Integration',
  'PermissionSet Tandem_Reader',
])

const out = mkdtempSync(join(tmpdir(), 'tandem-package-'))
try {
  await new MetadataConverter().convert(set, 'metadata', { type: 'directory', outputDirectory: out, genUniqueDir: false })
  const manifest = readFileSync(join(out, 'package.xml'), 'utf8')
  for (const member of ['Activity.CoSell_Activity_Key__c', 'CoSell_Registration__c', 'CoSell_Offer__c', 'Tandem_Integration']) {
    assert.ok(manifest.includes(`<members>${member}</members>`), `package.xml names ${member}`)
  }
  const object = readFileSync(join(out, 'objects', 'CoSell_Registration__c.object'), 'utf8')
  for (const text of ['<fullName>CoSell_Key__c</fullName>', '<displayFormat>CSR-{00000}</displayFormat>', '<relationshipName>CoSell_Registrations</relationshipName>']) {
    assert.ok(object.includes(text), `the object has ${text}`)
  }
} finally {
  rmSync(out, { recursive: true, force: true })
}
console.log('the package converts')
