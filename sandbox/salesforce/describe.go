package salesforce

import (
	"net/http"

	"github.com/tandem-cosell/tandem/sandbox/salesforce/soql"
)

// describes are the answers of the describe resources. They change with the
// organisation's setup only, so a client that knows them gets 304.
type describes struct{ s *Server }

// cached answers 304 when the client has seen the schema already.
func (d *describes) cached(c *call, rep func() *reply) *reply {
	since := d.s.ruling.Load().since
	modified := since.UTC().Format(http.TimeFormat)
	if at, err := http.ParseTime(c.header.Get("If-Modified-Since")); err == nil && !at.Before(since) {
		return &reply{status: http.StatusNotModified, header: http.Header{"Last-Modified": {modified}}}
	}
	r := rep()
	r.header.Set("Last-Modified", modified)
	return r
}

func (d *describes) all(c *call) *reply {
	return d.cached(c, func() *reply {
		list := make([]map[string]any, 0, len(d.s.store.schema.objects))
		for _, o := range d.s.store.schema.objects {
			if _, seen := d.s.object(o.Name, c.userID); seen {
				list = append(list, d.head(c, o))
			}
		}
		return jsonReply(http.StatusOK, map[string]any{"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": list})
	})
}

func (d *describes) basic(c *call, o *object) *reply {
	return d.cached(c, func() *reply {
		return jsonReply(http.StatusOK, map[string]any{"objectDescribe": d.head(c, o), "recentItems": []any{}})
	})
}

func (d *describes) one(c *call, o *object) *reply {
	return d.cached(c, func() *reply {
		d.s.store.mu.RLock()
		infos := d.recordTypes(c, o)
		d.s.store.mu.RUnlock()
		return jsonReply(http.StatusOK, d.describe(c, o, infos))
	})
}

// head is an object's entry in the list of all objects.
func (d *describes) head(c *call, o *object) map[string]any {
	base := c.root() + "/sobjects/" + o.Name
	a := d.s.ruling.Load().accessTo(c.userID, o)
	writes := !o.readonly && (a == nil || a.level == accessEdit)
	return map[string]any{
		"activateable": false, "associateEntityType": nil, "associateParentEntity": nil,
		"createable": writes, "custom": o.custom, "customSetting": false, "deepCloneable": false,
		"deletable": writes && !o.noDelete, "deprecatedAndHidden": false, "feedEnabled": false,
		"hasSubtypes": false, "isInterface": false, "isSubtype": false, "keyPrefix": o.prefix,
		"label": o.Label, "labelPlural": o.plural, "layoutable": !o.readonly, "mergeable": mergeable[o.Name],
		"mruEnabled": false, "name": o.Name, "queryable": true, "replicateable": true, "retrieveable": true,
		"searchable": !o.readonly, "triggerable": !o.readonly, "undeletable": writes && !o.noDelete,
		"updateable": writes && !o.noUpdate,
		"urls": map[string]string{
			"sobject": base, "describe": base + "/describe", "rowTemplate": base + "/{ID}",
		},
	}
}

func (d *describes) describe(c *call, o *object, recordTypes []map[string]any) map[string]any {
	out, r := d.head(c, o), d.s.ruling.Load()
	fields := []map[string]any{}
	for _, f := range o.fields {
		if a := r.accessTo(c.userID, o); a.sees(f) {
			fields = append(fields, f.describe(o, r, a))
		}
	}
	children := []map[string]any{}
	for _, ch := range o.Children {
		child, seen := d.s.object(ch.Object, c.userID)
		if !seen || !r.accessTo(c.userID, child).sees(child.field(ch.Field)) {
			continue
		}
		children = append(children, map[string]any{
			"cascadeDelete": ch.Object != "Case", "childSObject": ch.Object, "deprecatedAndHidden": false, "field": ch.Field,
			"junctionIdListNames": []string{}, "junctionReferenceTo": []string{}, "relationshipName": ch.Relationship, "restrictedDelete": false,
		})
	}
	out["fields"], out["childRelationships"] = fields, children
	out["recordTypeInfos"] = recordTypes
	out["actionOverrides"], out["namedLayoutInfos"], out["supportedScopes"] = []any{}, []any{}, []map[string]string{{"label": "All " + o.plural, "name": "everything"}}
	out["compactLayoutable"], out["listviewable"], out["lookupLayoutable"], out["searchLayoutable"] = true, nil, nil, true
	out["networkScopeFieldName"], out["sobjectDescribeOption"] = nil, "FULL"
	out["dataTranslationEnabled"], out["defaultImplementation"], out["extendedBy"], out["extendsInterfaces"], out["implementedBy"], out["implementsInterfaces"] = nil, nil, nil, nil, nil, nil
	return out
}

func (d *describes) recordTypes(c *call, o *object) []map[string]any {
	info := func(id, name, devName string, master bool) map[string]any {
		return map[string]any{
			"active": true, "available": true, "defaultRecordTypeMapping": master, "developerName": devName, "master": master,
			"name": name, "recordTypeId": id, "urls": map[string]string{"layout": c.root() + "/sobjects/" + o.Name + "/describe/layouts/" + id},
		}
	}
	out := []map[string]any{info("012000000000000AAA", "Master", "Master", true)}
	types := d.s.store.table("RecordType")
	at := func(row soql.Row, name string) string { s, _ := row[types.obj.FieldIndex(name)].(string); return s }
	for row := range types.each {
		if !types.deleted(row) && at(row, "SobjectType") == o.Name {
			out = append(out, info(types.rowID(row), at(row, "Name"), at(row, "DeveloperName"), false))
		}
	}
	return out
}

var soapTypes = map[soql.Type]string{
	soql.TypeID: "tns:ID", soql.TypeReference: "tns:ID", soql.TypeBoolean: "xsd:boolean", soql.TypeInt: "xsd:int",
	soql.TypeDouble: "xsd:double", soql.TypeCurrency: "xsd:double", soql.TypePercent: "xsd:double",
	soql.TypeDate: "xsd:date", soql.TypeDateTime: "xsd:dateTime", soql.TypeBase64: "xsd:base64Binary",
}

func (f *field) describe(o *object, r *ruling, a *objectAccess) map[string]any {
	soap := soapTypes[f.typ]
	if soap == "" {
		soap = "xsd:string"
	}
	typ := string(f.typ)
	if f.combo {
		typ = "combobox"
	}
	isLong := f.long()
	picks := []map[string]any{}
	for _, v := range r.choices(f) {
		picks = append(picks, map[string]any{"active": true, "defaultValue": f.deflt == any(v), "label": v, "validFor": nil, "value": v})
	}
	createable := !f.readonly && !o.readonly && a.writes(f)
	unique := f.unique || r.unique(f)
	var relationship any
	if f.rel != "" {
		relationship = f.rel
	}
	refs := f.refs
	if refs == nil {
		refs = []string{}
	}
	byteLength, precision, scale, digits := 0, 0, 0, 0
	if f.text() || f.typ == soql.TypeID || f.typ == soql.TypeReference {
		byteLength = f.length * 3
		if f.typ == soql.TypeID || f.typ == soql.TypeReference {
			byteLength = 18
		}
	}
	if f.typ == soql.TypeInt {
		digits = f.digits
	} else if f.digits > 0 {
		precision, scale = f.digits, f.scale
	}
	var extra any
	if isLong {
		extra = "plaintextarea"
	}
	return map[string]any{
		"aggregatable": !isLong && f.typ != soql.TypeBoolean, "aiPredictionField": false, "autoNumber": f.auto != "",
		"byteLength": byteLength, "calculated": f.calculated && f.custom, "calculatedFormula": nil, "cascadeDelete": f.cascade,
		"caseSensitive": false, "compoundFieldName": nil, "controllerName": nil, "createable": createable, "custom": f.custom,
		"defaultValue": f.deflt, "defaultValueFormula": nil, "defaultedOnCreate": f.deflt != nil || f.audit || f.auto != "" || f.name == "OwnerId",
		"dependentPicklist": false, "deprecatedAndHidden": false, "digits": digits, "displayLocationInDecimal": false, "encrypted": false,
		"externalId": f.external, "extraTypeInfo": extra, "filterable": !isLong, "filteredLookupInfo": nil, "formulaTreatNullNumberAsZero": false,
		"groupable":       !isLong && f.typ != soql.TypeDateTime && f.digits == 0 || f.typ == soql.TypeInt,
		"highScaleNumber": false, "htmlFormatted": false, "idLookup": f.typ == soql.TypeID || f.external || unique,
		"inlineHelpText": nil, "label": f.label, "length": f.length, "mask": nil, "maskType": nil, "name": f.name,
		"nameField": f.nameField, "namePointing": len(f.refs) > 1, "nillable": !f.required && !r.required(f) && !f.audit && f.typ != soql.TypeBoolean && f.name != "OwnerId",
		"permissionable": f.custom || !f.required && !f.readonly, "picklistValues": picks, "polymorphicForeignKey": len(f.refs) > 1,
		"precision": precision, "queryByDistance": false, "referenceTargetField": nil, "referenceTo": refs, "relationshipName": relationship,
		"relationshipOrder": nil, "restrictedDelete": false, "restrictedPicklist": r.restricted(f), "scale": scale,
		"searchPrefilterable": false, "soapType": soap, "sortable": !isLong && f.typ != soql.TypeMultiPicklist, "type": typ,
		"unique": unique, "updateable": createable && !f.noUpdate && !o.noUpdate, "writeRequiresMasterRead": false,
	}
}
